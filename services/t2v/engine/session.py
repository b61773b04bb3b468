"""A session: one video being made, and all of its state. Nothing of it lies in the model or in another session.

A session does not compute. It says which forward it needs next (work), is told the answer (done), and gives clean latents
chunk by chunk. Whoever drives it may put forwards of several sessions into one batch, wait, or stop between any two.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .dit import Dit, Prompt
from .kv import Cache, Slots
from .model import Model
from .motion import Motion
from .sampler import FewStep, Sampler, State, restyling, seeded
from .vae import Tails


class BadOrder(ValueError):
    """An order that can never be carried out; the message says why."""


@dataclass(frozen=True)
class Spec:
    """What is to be made. Lengths count latent frames in chunks of the model."""

    prompt: str
    width: int
    height: int
    negative: str = ""
    seed: int = 0
    chunks: int = 1  # 0: until stopped; of a bidirectional model latent frames, made in one piece
    steps: int = 0  # 0: the model's own
    guidance: float = 0.0  # 0: the model's own
    restyle: bool = False  # frames are fed
    strength: float = 0.0  # of restyling; 0: by motion

    def check(self, model: Model) -> "Spec":
        c = model.config
        unit = c.vae.stride * c.dit.patch[1]
        faults = []
        for bad, text in (
            (
                self.width % unit or self.height % unit or min(self.width, self.height) < unit,
                f"a size of {self.width}x{self.height} is no multiple of {unit}",
            ),
            (
                max(self.width, self.height) // unit > c.dit.positions,
                f"{self.width}x{self.height} has more rows or columns than {c.dit.positions} positions",
            ),
            (
                c.sizes and (self.width, self.height) not in c.sizes,
                f"a size of {self.width}x{self.height} is none of the model's",
            ),
            (
                not 0 <= self.steps <= model.most_steps(),
                f"{self.steps} steps: the model takes 1 to {model.most_steps()}",
            ),
            (self.chunks < 0 or self.chunks == 0 and not c.causal, "a bidirectional model makes no endless video"),
            (
                not c.causal and self.chunks > (c.frames - 1) // c.vae.time_stride + 1,
                f"the model makes at most {c.frames} frames",
            ),
            (not 0 <= self.guidance <= 30, f"a guidance of {self.guidance:g} is not within 0 to 30"),
            (not 0 <= self.strength <= 1, f"a strength of {self.strength:g} is not within 0 to 1"),
            (self.restyle and not (c.causal and c.stream.steps), "only a causal few-step model restyles"),
        ):
            if bad:
                faults.append(text)
        if faults:
            raise BadOrder("; ".join(faults))
        return self


class Kind(enum.Enum):
    DENOISE = "denoise"
    CLEAN = "clean"  # fills the cache with a chunk that is done
    RECACHE = "recache"  # fills it again under a new prompt


@dataclass(frozen=True)
class Work:
    """One forward: x [rows, C, F, H, W], t [rows, 1], a prompt and a cache a row."""

    kind: Kind
    dit: Dit
    x: Tensor
    t: Tensor
    prompts: list[Prompt]
    caches: list[Cache] | None
    commit: bool

    @property
    def batch_key(self) -> tuple:
        """Works of one key run in one forward."""
        return (id(self.dit), tuple(self.x.shape[1:]), self.commit, self.caches is None)


@dataclass(frozen=True)
class Texts:
    """A prompt as the model reads it, for each expert."""

    prompt: str
    experts: list[Prompt]


@dataclass
class Latents:
    """A clean chunk, ready to be decoded."""

    index: int
    z: Tensor  # [1, C, F, H, W]


@dataclass(frozen=True)
class Change:
    chunk: int
    texts: Texts
    recache: bool


@dataclass
class Session:
    """Driven by one thread."""

    model: Model
    spec: Spec
    texts: Texts
    negative: Texts | None = None  # with guidance
    chunk: int = 0  # the one in hand
    stopped: bool = False  # no further chunk
    forwards: int = 0
    ready: deque[Latents] = field(default_factory=deque)
    tails: Tails = field(default_factory=dict)  # of the decoder
    encoded: Tails = field(default_factory=dict)  # of the encoder, restyling
    history: deque[Tensor] = field(default_factory=deque)  # clean chunks that the cache shows
    opening: list[Tensor] = field(default_factory=list)  # those that hold sinks
    changes: list[Change] = field(default_factory=list)
    fed: deque[Tensor] = field(default_factory=deque)  # frames to restyle [3, H, W], -1 to 1
    motion: Motion = field(default_factory=Motion)

    def __post_init__(self) -> None:
        c, s = self.model.config, self.spec
        self.spec.check(self.model)
        self.frames = c.stream.chunk if c.causal else s.chunks  # of a chunk, latent
        stride = c.vae.stride
        self.shape = (1, c.dit.channels, self.frames, s.height // stride, s.width // stride)
        self.total = s.chunks if c.causal else 1
        self.sampler: Sampler = self.model.sampler(s.steps)
        self.state: State | None = None
        self._recaching: deque[Tensor] = deque()
        self._clean: Tensor | None = None
        self._drawn: tuple[tuple[int, int, int], Tensor] | None = None  # noise by its key, ahead of time
        self.caches = self._new_caches() if c.causal else None

    # What is next.

    @property
    def finished(self) -> bool:
        if self.amid:
            return False
        return 0 < self.total <= self.chunk or self.stopped and not (self.spec.restyle and self._fed_enough())

    @property
    def starved(self) -> bool:
        """Waits for frames to restyle."""
        return self.spec.restyle and not self.amid and not self.finished and not self._fed_enough()

    def _fed_enough(self) -> bool:
        return len(self.fed) >= self.frames_due()

    @property
    def amid(self) -> bool:
        """Within a chunk: what is begun is brought to its end, also while nobody takes it."""
        return self.state is not None or self._clean is not None or bool(self._recaching)

    @property
    def between(self) -> bool:
        """Between two chunks, where a snapshot can be taken."""
        return not self.amid and not self.ready

    def work(self) -> Work | None:
        """The next forward, or None: finished, or frames to restyle are awaited. Asked twice it is the same."""
        if self._clean is not None:
            return self._forward(Kind.CLEAN, self._clean, 0.0, commit=True)
        if self._recaching:
            return self._forward(Kind.RECACHE, self._recaching[0], 0.0, commit=True)
        if self.state is None:
            if self.finished or not self._begin():
                return None
            if self._recaching:
                return self.work()
        t = self.sampler.timesteps[self.state.step]
        last = self.state.step == len(self.sampler) - 1
        return self._forward(Kind.DENOISE, self.state.x, t, commit=last and not self.model.config.stream.clean_pass)

    def done(self, work: Work, velocity: Tensor) -> None:
        """The answer to work, [rows, C, F, H, W]."""
        self.forwards += 1
        if work.kind is Kind.RECACHE:
            self._recaching.popleft()
            self._commit()
        elif work.kind is Kind.CLEAN:
            self._clean = None
            self._commit()
            self.chunk += 1
        else:
            self._advance(velocity.float())

    # How a chunk comes about.

    def _begin(self) -> bool:
        """Takes up the next chunk; False: its frames are not here yet."""
        if self.spec.restyle and not self._fed_enough():
            return False
        for change in [c for c in self.changes if c.chunk <= self.chunk]:
            self.changes.remove(change)
            self._change(change)
        noise = self._noise(0)
        self.sampler = self.model.sampler(self.spec.steps)
        self.state = State(self._restyled(noise) if self.spec.restyle else noise)
        return True

    def _noise(self, step: int) -> Tensor:
        key = (self.spec.seed, self.chunk, step)
        drawn, self._drawn = self._drawn, None
        noise = drawn[1] if drawn is not None and drawn[0] == key else seeded(self.shape, *key)
        return noise.to(self.model.device)

    def foresee(self) -> None:
        """Draws the noise that is needed next, while the device is busy with a forward."""
        if self.state is None:  # the chunk in hand has its last pass
            if self.total and self.chunk + 1 >= self.total:
                return
            key = (self.spec.seed, self.chunk + 1, 0)
        elif isinstance(self.sampler, FewStep) and self.state.step + 1 < len(self.sampler):
            key = (self.spec.seed, self.chunk, self.state.step + 1)
        else:
            return
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, seeded(self.shape, *key))

    def _advance(self, velocity: Tensor) -> None:
        assert self.state is not None
        guidance = self._guidance(self.sampler.timesteps[self.state.step])
        if velocity.shape[0] == 2:
            plain = velocity[1:]
            velocity = plain + guidance * (velocity[:1] - plain)
        self.sampler.advance(self.state, velocity, self._noise)
        if self.state.step < len(self.sampler):
            return
        z, self.state = self.state.x, None
        self.ready.append(Latents(self.chunk, z))
        if self.caches is None:
            self.chunk += 1
        elif not self.model.config.stream.clean_pass:
            self._remember(z)
            self._commit()
            self.chunk += 1
        else:
            self._remember(z)
            self._clean = z

    def _remember(self, z: Tensor) -> None:
        """Keeps the clean chunks that a cache made anew would hold: those of the sinks, and those of the window."""
        s = self.model.config.stream
        if len(self.opening) * s.chunk < s.sinks:
            self.opening.append(z)
            if len(self.opening) * s.chunk <= s.sinks:
                return
        self.history.append(z)
        while (len(self.history) - 1) * s.chunk >= s.window:
            self.history.popleft()

    def _forward(self, kind: Kind, x: Tensor, t: float, commit: bool) -> Work:
        dit = self.model.dit(t)
        expert = self.model.dits.index(dit)
        texts = [self.texts] if self.negative is None else [self.texts, self.negative]
        rows = len(texts)
        return Work(
            kind,
            dit,
            x.expand(rows, *x.shape[1:]),
            torch.full((rows, 1), t, device=x.device),
            [text.experts[expert] for text in texts],
            self.caches,
            commit,
        )

    def _guidance(self, t: float) -> float:
        return self.spec.guidance or self.model.guidance(t)

    def _commit(self) -> None:
        for cache in self.caches or []:
            cache.commit()

    def _new_caches(self) -> list[Cache]:
        c, dit = self.model.config, self.model.dits[0]
        s, tokens = c.stream, c.tokens(self.spec.width, self.spec.height)
        return [
            dit.cache(tokens, Slots(s.sinks, s.window, s.chunk), s.sink_threshold)
            for _ in range(1 if self.negative is None else 2)
        ]

    # Changes from outside, between two forwards.

    def change(self, change: Change) -> int:
        """At its chunk, or at the next one if that has begun; the chunk it will be."""
        due = max(change.chunk, self.chunk + (0 if self.state is None and self._clean is None else 1))
        self.changes.append(replace(change, chunk=due))
        self.changes.sort(key=lambda c: c.chunk)
        return due

    def _change(self, change: Change) -> None:
        self.texts = change.texts
        if not change.recache or self.caches is None or self.chunk == 0:
            return
        seen: list[Tensor] = []
        for z in [*self.opening, *self.history]:
            if not any(z is other for other in seen):
                seen.append(z)
        for cache in self.caches:
            cache.clear()
        self._recaching.extend(seen)

    def stop(self) -> None:
        """After the chunk in hand; a session that restyles first uses up the frames it was fed."""
        self.stopped = True

    # Restyling.

    def frames_due(self) -> int:
        """Frames the next chunk is made of."""
        stride = self.model.config.vae.time_stride
        return self.frames * stride if self.chunk > 0 else (self.frames - 1) * stride + 1

    def feed(self, frames: Tensor) -> None:
        """Frames to restyle, [T, 3, H, W] from -1 to 1."""
        if not self.spec.restyle:
            raise BadOrder("frames were sent for an order that does not restyle")
        if frames.shape[1:] != (3, self.spec.height, self.spec.width):
            raise BadOrder(
                f"frames of {frames.shape[3]}x{frames.shape[2]} for an order of {self.spec.width}x{self.spec.height}"
            )
        self.fed.extend(frames.unbind(0))

    def _restyled(self, noise: Tensor) -> Tensor:
        """The chunk's frames, encoded and noised as much as their motion bears; sets the sampler to begin there."""
        frames = torch.stack([self.fed.popleft() for _ in range(self.frames_due())])
        strength = self.motion.strength(frames) if self.spec.strength == 0 else self.spec.strength
        self.sampler = restyling(self.model.sampler(self.spec.steps), strength)
        device = self.model.vae.device
        z = self.model.vae.encode(frames.transpose(0, 1)[None].to(device), self.encoded).to(noise.device)
        return (1 - strength) * z + strength * noise
