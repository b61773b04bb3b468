"""How things are timed, and an engine driven as its service drives it."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Iterator

import torch

from ..failure import Failed
from ..job import ChunkMade, Done, Job
from ..loop import Engine, Limits
from ..model import Model
from ..orders import read
from ..stats import Stats
from ..v1 import engine_pb2 as pb

Row = tuple[str, str, str]  # what, how much, against what


def timed(run: Callable[[], object]) -> float:
    """Seconds until run is done, on the device too."""
    settle()
    began = time.perf_counter()
    run()
    settle()
    return time.perf_counter() - began


def settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median(run: Callable[[], object], turns: int) -> float:
    return statistics.median(timed(run) for _ in range(turns))


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of what each turn gives."""
    return statistics.median(s / f for s, f in zip(slow, fast))


def ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e3:.1f} ms"


@dataclass
class Made:
    """What became of an order, in seconds from its asking."""

    chunks: list[tuple[float, int]] = field(default_factory=list)  # when each came, and its frames
    ended: float = 0.0
    failure: Failed | None = None

    @property
    def first(self) -> float:
        return self.chunks[0][0]

    def rate(self, skip: int) -> float:
        """Frames a second once the first chunks are past."""
        frames = sum(n for _, n in self.chunks[skip + 1 :])
        return frames / (self.chunks[-1][0] - self.chunks[skip][0])


class Driven:
    """An engine, its loop in a thread of its own until the end of a with."""

    def __init__(self, made: Model, memory: int = 1 << 30, **limits: int):
        self.engine = Engine(made, Limits(memory=memory, **limits), Stats())
        self._thread = threading.Thread(target=self.engine.run, daemon=True)

    def __enter__(self) -> "Driven":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()
        self._thread.join()

    def make(self, told: pb.Order) -> Made:
        return self.taken(*self.ask(told))

    def ask(self, told: pb.Order) -> tuple[Job | Failed, float]:
        began = time.perf_counter()
        try:
            return self.engine.submit(read(self.engine.model, told)), began
        except Failed as err:
            return err, began

    def taken(self, job: Job | Failed, began: float) -> Made:
        """Takes every chunk the moment it comes."""
        out = Made()
        for event in _events(job):
            now = time.perf_counter() - began
            if isinstance(event, ChunkMade):
                out.chunks.append((now, event.frames))
            elif isinstance(event, Failed):
                out.failure = event
            out.ended = now
        return out


def _events(job: Job | Failed) -> Iterator[object]:
    event: object = job if isinstance(job, Failed) else None
    while not isinstance(event, (Done, Failed)):
        yield (event := job.out.get())  # type: ignore[union-attr]
    if event is job:
        yield event


def crowd(driven: Driven, orders: list[pb.Order], patience: float = 0.0) -> list[Made]:
    """All at once; with patience each must be done within so many seconds."""
    out: list[Made] = []
    for told in orders:
        told.deadline = int((time.time() + patience) * 1e9) if patience else 0
    asked = [driven.ask(told) for told in orders]
    threads = [threading.Thread(target=lambda a=a: out.append(driven.taken(*a))) for a in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def crowds(
    driven: Driven, order: Callable[[int], pb.Order], counts: tuple[int, ...], patience: float = 4.0
) -> list[Row]:
    """1 to 8 clients at once: without deadlines, how fast all are served; with deadlines of patience times what one takes
    alone, how many are in time, late, refused."""
    rows: list[Row] = []
    driven.make(order(10_000))
    alone = min(driven.make(order(10_001 + i)).ended for i in range(2))
    seed = 20_000
    for count in counts:
        before = driven.engine.stats.values()
        orders = [order(seed + i) for i in range(count)]
        free = crowd(driven, orders)
        after = driven.engine.stats.values()
        forwards, lines = (
            after[name] - before[name]
            for name in ("liveclip_engine_forwards_total", "liveclip_engine_forward_rows_total")
        )
        frames = sum(n for made in free for _, n in made.chunks)
        longest = max(made.ended for made in free)
        due = crowd(driven, [order(seed + 100 + i) for i in range(count)], patience * alone)
        seed += 1000
        refused = sum(made.failure is not None and not made.chunks for made in due)
        late = sum(made.failure is not None or made.ended > patience * alone for made in due) - refused
        rows.append(
            (
                f"{count} at once",
                f"{frames / longest:.1f} frames/s together, {longest / alone:.2f} x one alone",
                f"{lines / forwards:.1f} rows a forward; due in {patience:g} x one alone: "
                f"{count - late - refused} in time, {late} late, {refused} refused at once",
            )
        )
    return rows
