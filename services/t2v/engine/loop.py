"""The engine at work: one thread owns the device and runs one forward at a time, for whoever is due."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from .begin import Beginner
from .cache import Made, Result, Tiers
from .estimate import Estimate
from .failure import Failed, sorted_out
from .finish import Decoding, End, Finisher, send
from .forwards import Forwards
from .job import Asked, Done, Job, Order, Queued
from .kept import Files, Sessions, unknown
from .model import Model
from .scheduler import Table, admit, fits, load, soft_deadline
from .session import Change
from .stats import Stats
from .tasks import Tasks
from .v1 import engine_pb2 as pb


log = logging.getLogger("engine")


@dataclass(frozen=True)
class Limits:
    memory: int  # bytes of the device that sessions may take
    running: int = 8  # orders computed in turns
    queued: int = 32
    rows: int = 4  # of a batch
    ahead: int = 2  # chunks that may wait to be decoded
    patience: float = 30.0  # seconds that a client may hold its session up
    kept: int = 16  # sessions that outlive their call
    snapshots: Path | None = None  # folder; none: snapshots are refused
    most_snapshots: int = 64  # the oldest goes


class Engine:
    """submit, cancel and the rest may be called from any thread. run blocks until close."""

    def __init__(self, model: Model, limits: Limits, stats: Stats, tiers: Tiers | None = None):
        self.model, self.limits, self.stats, self.tiers = model, limits, stats, tiers or Tiers()
        self.table = Table()
        self.estimate = Estimate(model, self.table, self.tiers)
        self.draining = False
        self._changed = threading.Condition()
        self._closed = False
        self._queue: list[Job] = []
        self._running: list[Job] = []
        self._finishers: dict[str, Finisher] = {}
        self.kept = Sessions(limits.kept)
        self.files = Files(limits.snapshots, limits.most_snapshots)
        self.beginner = Beginner(model, self.tiers, stats, self.kept)
        self._tasks = Tasks()
        self._forwards = Forwards(model, self.table, self.tiers, stats, limits.rows, limits.ahead, self._end, self._due)
        self._decoding = Decoding(self.table)
        self.ended = threading.Event()

    @property
    def broken(self) -> str:
        """Why the device computes no more; nothing but a new process helps."""
        return self._forwards.broken

    # From other threads.

    def submit(self, order: Order) -> Job:
        """Accepts or raises Failed. What comes of it is told in job.out, a Done or a Failed last."""
        now = time.monotonic()
        admitted = self.estimate.of(order)
        job = Job(order, secrets.token_hex(16), admitted, now)
        if order.result_key and (result := self.tiers.results.get(order.result_key)) is not None:
            self._replay(job, result)
            return job
        with self._changed:
            if self._closed or self.draining:
                raise Failed(pb.CODE_DRAINING, self.broken or "the engine shuts down")
            if order.session and (self.kept.find(order.session) or (None,))[0] != order.tenant:
                raise unknown(order.session)
            if order.id and any(j.order.id == order.id and j.order.tenant == order.tenant for j in self._alive()):
                raise Failed(pb.CODE_OVERLOADED, f"order {order.id} is being carried out already", 1.0)
            everyone = [j.left() for j in self._all()]
            refusal = admit(admitted, everyone, len(self._queue), now, self.limits.memory, self.limits.queued)
            if refusal is not None:
                code = pb.CODE_TOO_LARGE if refusal.too_large else pb.CODE_LATE if refusal.late else pb.CODE_OVERLOADED
                raise Failed(code, refusal.reason, refusal.retry_after)
            self.beginner.greet(job)
            self._queue.append(job)
            self._queue.sort(key=self._due)
            job.position = self._queue.index(job) + (1 if self._running else 0)
            self._changed.notify_all()
        return job

    def give_up(self, why: str, patience: float = 5.0) -> None:
        """The device, or a part of it, is gone: everything ends. A forward that waits for who is gone may never come back;
        after patience seconds all orders are told without it."""
        self._forwards.broken = self._forwards.broken or why
        self.wake()
        if not self.ended.wait(patience):
            log.error("a forward does not come back: %s", why)
            self._finish()

    def _finish(self) -> None:
        self.close()
        self._end_all(Failed(pb.CODE_DRAINING, self.broken or "the engine shuts down"))
        self.ended.set()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def find(self, order_id: str) -> Job | None:
        with self._changed:
            return next((j for j in self._all() if j.order.id == order_id), None)

    def counts(self) -> tuple[int, int, float]:
        """Orders running, orders queued, load."""
        with self._changed:
            return len(self._running), len(self._queue), load([j.left() for j in self._all()], time.monotonic())

    def taken(self) -> int:
        """Bytes that sessions hold."""
        with self._changed:
            return sum(j.admitted.bytes for j in self._running) + self.kept.bytes

    def ask(self, task) -> object:
        """Has the loop's thread call task() between two forwards until it returns something but None; that, or its error."""
        with self._changed:
            if self._closed:
                raise Failed(pb.CODE_DRAINING, "the engine shuts down")
            asked = self._tasks.add(task)
            self._changed.notify_all()
        while not asked.done.wait(1.0):
            if self._closed:
                raise Failed(pb.CODE_DRAINING, "the engine shuts down")
        if isinstance(asked.answer, BaseException):
            raise asked.answer
        return asked.answer

    def running(self, name: str) -> Job | None:
        """Of the loop's thread."""
        return next((j for j in self._running if j.name == name and j.session is not None), None)

    def _all(self) -> list[Job]:
        return [*self._running, *self._queue]

    def _alive(self) -> list[Job]:
        return [j for j in self._all() if j.canceled is None]

    def _due(self, job: Job) -> float:
        if job.admitted.deadline is not None:
            return job.admitted.deadline
        return soft_deadline(job.accepted, job.admitted.work, job.order.lane)

    # The loop.

    def run(self) -> None:
        while not self._closed and not self.broken:
            try:
                self._turn()
            except Exception as err:  # a fault of the loop itself: every order fails, the next may not
                log.exception("a turn of the loop failed")
                self._end_all(sorted_out(err))
        self._finish()

    def _turn(self) -> None:
        self._tasks.run()
        self._start()
        self._look_after()
        if not self._forward():
            with self._changed:
                if not self._closed:
                    self._changed.wait(0.05 if self._all() or self._tasks else 1.0)

    def drain(self, seconds: float) -> None:
        """Refuses what is new, waits for what was accepted, then ends the rest."""
        self.draining = True
        until = time.monotonic() + seconds
        with self._changed:
            while self._all() and time.monotonic() < until:
                self._changed.wait(0.1)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self) -> None:
        """Begins queued orders that fit, in the order they are due."""
        now = time.monotonic()
        with self._changed:
            gone = [(j, self._over(j, now)) for j in self._queue]
        for job, why in gone:
            if why is not None:
                self._end(job, why)
        while True:
            with self._changed:
                running = [j.admitted for j in self._running]
                if not self._queue or len(running) >= self.limits.running:
                    break
                job = self._queue[0]
                if not fits(job.admitted, running, self.limits.memory - self.kept.bytes):
                    if self.kept.drop_oldest():  # a session that nobody uses makes room
                        continue
                    break
                self._queue.remove(job)
                self._running.append(job)
            try:
                self._begin(job)
            except Exception as err:  # of this order alone
                self._end(job, sorted_out(err))
        with self._changed:
            for i, job in enumerate(self._queue):
                position = i + 1
                if position != job.position:
                    job.position = position
                    job.out.put(Queued(position, sum(j.left().work for j in [*self._running, *self._queue[:i]])))
            self.stats.queued.set(len(self._queue))
            self.stats.active.set(len(self._running))
            self.stats.memory.set(sum(j.admitted.bytes for j in self._running) + self.kept.bytes)

    @staticmethod
    def _over(job: Job, now: float) -> Failed | None:
        """Why an order is to be ended before it is done."""
        if job.canceled is None and job.order.deadline is not None and now > job.order.deadline:
            return Failed(pb.CODE_LATE, "its deadline has passed")
        return job.canceled

    @torch.inference_mode()
    def _begin(self, job: Job) -> None:
        job.began = time.monotonic()
        self.stats.waited.observe(job.began - job.accepted)
        job.session = self.beginner.begin(job)
        self._finishers[job.name] = Finisher(job, self.stats, self._finished, self._decoding)

    def _look_after(self) -> None:
        """What is due of each order that is no forward: ends, wishes, patience."""
        now = time.monotonic()
        for job in list(self._running):
            try:
                if (why := self._over(job, now)) is not None:
                    raise why
                self._heed(job)
                if job.opening_left and job.session.between and job.session.chunk >= job.order.opening.chunks:
                    if job.pending == 0:
                        self.beginner.keep_opening(job)
                if job.session.finished and not job.session.ready and not job.opening_left and not job.ended:
                    job.ended = True
                    job.inbox.put(End())
                held = (job.held() or job.session.starved) and job.pending == 0 and not job.ended
                job.blocked = (job.blocked or now) if held else None
                if job.blocked is not None and now - job.blocked > self.limits.patience:
                    what = "no frames came" if job.session.starved else "chunks were not taken"
                    raise Failed(pb.CODE_SLOW_CLIENT, f"{what} for {self.limits.patience:g} s")
            except Exception as err:  # of this order alone
                self._end(job, sorted_out(err))

    def _heed(self, job: Job) -> None:
        while not job.asked.empty():
            asked: Asked = job.asked.get()
            job.touched = job.touched or not asked.stop
            if asked.stop and (job.order.spec.chunks == 0 or job.order.spec.restyle):
                job.session.stop()
            if asked.prompt is not None:
                first = job.order.opening.chunks if job.order.opening else 0
                with torch.inference_mode():
                    texts = self.beginner.read(job, asked.prompt)
                job.session.change(Change(max(asked.chunk, first), texts, asked.recache))
            if asked.frames is not None:
                job.session.feed(asked.frames)

    def _forward(self) -> bool:
        """One forward of a batch; False: nobody could run."""
        return self._forwards.run(list(self._running))

    # Endings.

    def _finished(self, job: Job, failure: Failed | None, ended: bool) -> None:
        """From a finisher's thread."""
        if failure is not None:
            job.cancel(failure)
        elif ended:
            self._tasks.add(lambda: self._complete(job))
        self.wake()

    def _complete(self, job: Job) -> bool:
        if job in self._running and job.canceled is None:
            self._end(job, None)
        return True

    def _end(self, job: Job, failure: Failed | None) -> None:
        """Frees everything of an order and tells its call, once."""
        with self._changed:
            if job in self._running:
                self._running.remove(job)
            elif job in self._queue:
                self._queue.remove(job)
            else:
                return
            self._changed.notify_all()
        finisher = self._finishers.pop(job.name, None)
        if failure is not None and finisher is not None:
            finisher.stop()
        if not job.ended:
            job.inbox.put(End())
        now = time.monotonic()
        if failure is None and job.order.keep and job.session is not None and job.session.between:
            self.kept.put(job.name, job.order.tenant, job.session)
        if failure is None and job.order.result_key and not job.touched:
            result = Result(job.header, tuple(job.made))
            self.tiers.results.put(job.order.result_key, result, result.bytes)
        if job.order.deadline is not None and now > job.order.deadline:
            self.stats.late.inc()
        outcome = "done" if failure is None else pb.Code.Name(failure.code).removeprefix("CODE_").lower()
        self.stats.orders.labels(outcome=outcome).inc()
        job.out.put(failure or self._done(job, now))
        for tier, store in self.tiers.each():
            self.stats.cached.labels(tier=tier).set(store.bytes)
            self.stats.asked.labels(tier=tier, outcome="hit").set(store.count.hits)
            self.stats.asked.labels(tier=tier, outcome="miss").set(store.count.misses)

    def _done(self, job: Job, now: float) -> Done:
        began = job.began if job.began is not None else now
        first = (job.first_at or now) - job.accepted
        forwards = job.session.forwards if job.session else 0
        return Done(job.frames, now - job.accepted, first, began - job.accepted, forwards)

    def _end_all(self, why: Failed) -> None:
        finishers = list(self._finishers.values())
        for job in self._all():
            self._end(job, why)
        for finisher in finishers:
            finisher.join()

    def _replay(self, job: Job, result: Result) -> None:
        job.result_hit = True
        for made in result.made:
            send(job, result.header, Made(made.data, made.frames), True, 0.0, self.stats)
        self.stats.orders.labels(outcome="done").inc()
        job.out.put(self._done(job, time.monotonic()))
