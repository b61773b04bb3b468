"""One forward at a time: which sessions share the next, how it runs, and what becomes of one that fails."""

from __future__ import annotations

import time
from typing import Callable

import torch

from . import batch
from .cache import Tiers
from .estimate import shape_of
from .failure import Failed, lost, out_of_memory, sorted_out
from .job import Job
from .model import Model
from .scheduler import Table, Waiting, next_batch
from .session import Work
from .stats import Stats


class Forwards:
    """Of the loop's thread. end frees an order; due is until when it must be done."""

    def __init__(
        self,
        model: Model,
        table: Table,
        tiers: Tiers,
        stats: Stats,
        rows: int,
        ahead: int,
        end: Callable[[Job, Failed | None], None],
        due: Callable[[Job], float],
    ):
        self.model, self.table, self.tiers, self.stats = model, table, tiers, stats
        self.broken = ""  # why the device computes no more; nothing but a new process helps
        self._rows, self._ahead, self._end, self._due = rows, ahead, end, due

    def run(self, running: list[Job]) -> bool:
        """One forward of a batch; False: nobody could run."""
        runnable = self._runnable(running)
        if not runnable:
            return False
        by_name = {job.name: (job, work) for job, work in runnable}
        waiting = [
            Waiting(job.name, (work.batch_key, shape_of(job.session.spec)), work.x.shape[0], *self._left(job))
            for job, work in runnable
        ]
        chosen = next_batch(waiting, self.table, time.monotonic(), self._rows)
        self._compute([by_name[w.name] for w in chosen])
        return True

    def _runnable(self, running: list[Job]) -> list[tuple[Job, Work]]:
        out = []
        for job in running:
            if job.ended or not job.session.amid and self._rests(job):
                continue
            try:
                with torch.inference_mode():
                    work = job.session.work()
            except Exception as err:  # of this order alone
                self._end(job, sorted_out(err))
                continue
            if work is not None:
                out.append((job, work))
        return out

    def _rests(self, job: Job) -> bool:
        """Whether a session between two chunks begins none: held up, far enough ahead, or to be kept as it stands."""
        keeps = job.opening_left and job.session.chunk >= job.order.opening.chunks
        return job.wanted or keeps or job.held() or job.pending >= self._ahead

    def _left(self, job: Job) -> tuple[float, int]:
        """Until when how many forwards are due: the next chunk until a live picture has run out, else the whole."""
        session, order = job.session, job.order
        a_chunk = len(session.sampler) + (1 if self.model.config.causal else 0)
        if order.frames == 0 and job.first_at is not None:
            return job.first_at + job.frames / order.rate, a_chunk
        return self._due(job), max(1, (session.total - session.chunk if session.total else 1) * a_chunk)

    def _compute(self, chosen: list[tuple[Job, Work]]) -> None:
        began = time.monotonic()
        try:
            answers = batch.forward([work for _, work in chosen])
            for job, _ in chosen:
                job.session.foresee()
            if self.model.device.type == "cuda":  # what is learned is the forward, not its launch
                torch.cuda.current_stream().synchronize()
            with torch.inference_mode():
                for (job, work), answer in zip(chosen, answers):
                    job.session.done(work, answer)
                    while job.session.ready:
                        job.count(1)
                        job.inbox.put(job.session.ready.popleft())
        except Exception as err:  # sorted below: of one order, or of the batch
            self._failed(chosen, err)
            return
        seconds = time.monotonic() - began
        rows = sum(work.x.shape[0] for _, work in chosen)
        shape = shape_of(chosen[0][0].session.spec)
        self.table.learn((chosen[0][1].batch_key, shape), rows, seconds)
        self.table.learn(shape, rows, seconds)
        self.stats.forward.observe(seconds)
        self.stats.forwards.inc()
        self.stats.rows.inc(rows)

    def _failed(self, chosen: list[tuple[Job, Work]], err: Exception) -> None:
        """Out of memory in a batch: caches are given up and each tries alone; who fails alone, fails."""
        if out_of_memory(err):
            self.tiers.prompts.clear()
            if self.model.device.type == "cuda":
                torch.cuda.empty_cache()
            if len(chosen) > 1:
                for one in chosen:
                    self._compute([one])
                return
        elif lost(err):
            self.broken = f"the device failed: {err}".splitlines()[0]
        for job, _ in chosen:
            self._end(job, sorted_out(err))
