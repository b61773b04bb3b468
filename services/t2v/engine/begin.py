"""How an order's session begins: anew, from a template's opening, or where another order left it."""

from __future__ import annotations

from dataclasses import replace

from . import batch, snapshot
from .cache import Opening, Tiers, key
from .encode import Timeline
from .finish import Cut, send
from .job import Job
from .kept import Sessions
from .model import Model
from .session import BadOrder, Change, Session, Texts
from .stats import Stats


class Beginner:
    """Of the loop's thread, but for greet: prompts are read on the device."""

    def __init__(self, model: Model, tiers: Tiers, stats: Stats, kept: Sessions):
        self.model, self.tiers, self.stats, self.kept = model, tiers, stats, kept

    def greet(self, job: Job) -> None:
        """Sends a kept opening, before the order is anyone else's: its first frame waits for no queue and no device. From
        any thread."""
        if job.order.opening is None or (kept := self.tiers.openings.get(job.order.opening.key)) is None:
            return
        job.resumed, job.opening_hit = kept, True
        job.timeline = Timeline(self.model.config.frame_rate, job.order.rate)
        job.timeline.take(kept.model_frames)
        for made in kept.made:
            send(job, kept.header, made, True, 0.0, self.stats)

    def begin(self, job: Job) -> Session:
        if job.order.session:
            return self._continued(job)
        if job.order.opening is not None:
            return self._opened(job)
        return Session(self.model, job.order.spec, self.read(job, job.order.spec.prompt), self._negative(job))

    def read(self, job: Job | None, prompt: str) -> Texts:
        """A prompt as the model reads it, from the cache where it is there."""
        name = key("prompt", model=self.model.fingerprint, tenant=job.order.tenant if job else "", prompt=prompt)
        if (texts := self.tiers.prompts.get(name)) is not None:
            return texts
        if (embedding := self.tiers.embeddings.get(name)) is None:
            if job is not None:
                job.prompt_hit = False
            embedding = self.model.embed(prompt)
            self.tiers.embeddings.put(name, embedding, embedding.numel() * embedding.element_size())
        texts = Texts(prompt, self.model.prompts(embedding))
        self.tiers.prompts.put(name, texts, sum(p.bytes for p in texts.experts))
        return texts

    def keep_opening(self, job: Job) -> None:
        """A session that has computed an opening stands at its end: the next one need not."""
        told = job.order.opening
        meta, tensors = snapshot.pack(job.session)
        frames = job.timeline.known if job.timeline else 0
        kept = Opening(meta, tensors, job.header, tuple(job.made), frames)
        self.tiers.openings.put(told.key, kept, kept.bytes)
        job.opening_left = False
        job.inbox.put(Cut())
        self._leave(job, job.session)

    def _negative(self, job: Job) -> Texts | None:
        return self.read(job, job.order.spec.negative) if batch.guided(self.model, job.order.spec) else None

    def _continued(self, job: Job) -> Session:
        order, spec = job.order, job.order.spec
        session = self.kept.take(order.session, order.tenant)
        if (session.spec.width, session.spec.height) != (spec.width, spec.height):
            raise BadOrder(f"the session is of {session.spec.width}x{session.spec.height}")
        session.spec = replace(spec, chunks=session.chunk + spec.chunks if spec.chunks else 0)
        session.total, session.stopped = session.spec.chunks, False
        if session.texts.prompt != spec.prompt:
            session.change(Change(session.chunk, self.read(job, spec.prompt), False))
        return session

    def _opened(self, job: Job) -> Session:
        order, told, kept = job.order, job.order.opening, job.resumed
        if kept is None:
            job.opening_left = True
            spec = replace(order.spec, prompt=told.prompt, seed=told.seed)
            return Session(self.model, spec, self.read(job, told.prompt), self._negative(job))
        session = snapshot.unpack(kept.meta, kept.tensors, self.model, lambda prompt: self.read(job, prompt))
        session.total = order.spec.chunks
        self._leave(job, session)
        return session

    def _leave(self, job: Job, session: Session) -> None:
        """From here on the order's own prompt and seed."""
        order = job.order
        session.spec = order.spec
        if order.spec.prompt != order.opening.prompt:
            session.change(Change(session.chunk, self.read(job, order.spec.prompt), order.opening.recache))
