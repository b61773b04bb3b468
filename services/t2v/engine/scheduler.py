"""Who goes next, with whom in one batch, and who is refused: decisions only, no clock and no device of its own."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Hashable

LOAD = 0.8  # of what the device can do until deadlines, above which new deadlines are refused
_far = 3600.0  # a deadline for who has none, by lane: seconds after its beginning


@dataclass
class Table:
    """What a forward takes in seconds, by shape and batch, learned from each that runs. Safe for concurrent use."""

    weight: float = 0.2  # of the newest
    first: float = 1.0  # a guess for a shape never seen
    _seen: dict[tuple[Hashable, int], tuple[float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, shape: Hashable, batch: int, seconds: float) -> None:
        with self._lock:
            old, count = self._seen.get((shape, batch), (seconds, 0))
            # the first of a shape pays for warming up: the second replaces it
            weight = 1.0 if count == 1 else self.weight
            self._seen[shape, batch] = (old + weight * (seconds - old), count + 1)

    def predict(self, shape: Hashable, batch: int) -> float:
        """Of a batch not seen, from the nearest that was: compute-bound work grows almost as the batch."""
        with self._lock:
            if (shape, batch) in self._seen:
                return self._seen[shape, batch][0]
            known = [(abs(b - batch), b, s) for (sh, b), (s, _) in self._seen.items() if sh == shape]
        if not known:
            return self.first * batch
        _, near, seconds = min(known)
        return seconds * (0.2 + 0.8 * batch / near) if batch > near else seconds * max(batch / near, 0.5)

    def known(self, shape: Hashable) -> bool:
        with self._lock:
            return any(sh == shape for sh, _ in self._seen)

    def rows(self) -> list[tuple[str, int, float, int]]:
        with self._lock:
            return [(str(shape), batch, s, n) for (shape, batch), (s, n) in self._seen.items()]


@dataclass(frozen=True)
class Waiting:
    """A session that could run a forward now."""

    name: str
    shape: Hashable  # forwards of one shape batch
    rows: int
    deadline: float  # of the next chunk, or of the whole
    remaining: int  # forwards until then
    bytes: int = 0  # more memory that its forward takes in a batch


def next_batch(waiting: list[Waiting], table: Table, now: float, most: int) -> list[Waiting]:
    """The one with the earliest latest beginning, and with it as many of its shape as let every one of them still meet its
    deadline, as far as it was to be met."""
    if not waiting:
        return []
    cost = {w.name: table.predict(w.shape, w.rows) for w in waiting}
    slack = {w.name: w.deadline - now - w.remaining * cost[w.name] for w in waiting}
    order = sorted(waiting, key=lambda w: (slack[w.name], w.name))
    chosen = [order[0]]
    for other in order[1:]:
        if other.shape != order[0].shape:
            continue
        rows = sum(w.rows for w in chosen) + other.rows
        if rows > most:
            break
        # everyone in the batch waits for all of it: what that costs beyond a forward alone must lie within each slack
        batch = table.predict(other.shape, rows)
        if any(0 <= slack[w.name] < (batch - cost[w.name]) * w.remaining for w in [*chosen, other]):
            break
        chosen.append(other)
    return chosen


@dataclass(frozen=True)
class Admitted:
    """An order that was accepted: seconds of work left, and when it must be done."""

    work: float
    deadline: float | None
    bytes: int


@dataclass(frozen=True)
class Refusal:
    too_large: bool
    late: bool
    reason: str
    retry_after: float = 0.0


def load(admitted: list[Admitted], now: float) -> float:
    """Work by the time there is for it, of those with a deadline."""
    return sum(a.work / max(a.deadline - now, 1e-3) for a in admitted if a.deadline is not None)


def admit(
    order: Admitted, admitted: list[Admitted], queued: int, now: float, memory: int, most_queued: int
) -> Refusal | None:
    """None: it is accepted, perhaps to wait. memory is what all sessions together may take."""
    if order.bytes > memory:
        text = f"needs {_size(order.bytes)}, this device has {_size(memory)} for sessions"
        return Refusal(True, False, text)
    if queued >= most_queued:
        left = sum(a.work for a in admitted) / max(1, len(admitted))
        return Refusal(False, False, f"{queued} orders wait already", max(0.1, left))
    if order.deadline is None:
        return None
    if order.deadline - now < order.work:
        text = f"takes {order.work:.1f} s, its deadline is in {max(0.0, order.deadline - now):.1f} s"
        return Refusal(False, True, text)
    total = load([*admitted, order], now)
    if total > LOAD and len(admitted) > 0:
        soonest = min((a.work for a in admitted), default=0.0)
        return Refusal(False, False, f"deadlines take {total:.0%} of the device already", max(0.1, soonest))
    return None


def fits(order: Admitted, running: list[Admitted], memory: int) -> bool:
    """Whether it can begin beside those that run."""
    return sum(a.bytes for a in running) + order.bytes <= memory


def soft_deadline(began: float, work: float, lane: int) -> float:
    """For who has no deadline: live (1) before manual (2) before batch (3), and nobody for ever last."""
    patience = {1: 2.0, 2: 8.0, 3: 64.0}.get(lane, 8.0)
    return began + min(_far, patience * max(work, 1.0))


def _size(count: int) -> str:
    power = min(4, int(math.log(max(count, 1), 1024)))
    return f"{count / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
