"""An order being carried out: what the loop, the finisher and the call know of it together."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field, replace

import torch

from .cache import Made, Opening
from .encode import Timeline
from .failure import Failed
from .scheduler import Admitted
from .session import Session, Spec

UNREAD = 8  # chunks that may lie here unread; more: the session rests, as if not acknowledged


@dataclass(frozen=True)
class Order:
    """What was asked, checked as far as it can be without the model at work. Times in seconds on the engine's clock."""

    id: str
    tenant: str
    spec: Spec
    width: int  # of the video that leaves; the spec's is the model's own
    height: int
    rate: float
    frames: int  # that leave; 0: endless
    deadline: float | None = None
    lane: int = 2
    opening: "OpeningOrder | None" = None
    session: str = ""
    ack_window: int = 0
    keep: bool = False
    result_key: str = ""  # empty: not to be kept as a whole


@dataclass(frozen=True)
class OpeningOrder:
    key: str
    prompt: str
    seed: int
    chunks: int
    recache: bool


@dataclass(frozen=True)
class ChunkMade:
    index: int
    data: bytes
    first: int  # frames before it
    frames: int
    cached: bool
    took: float


@dataclass(frozen=True)
class Queued:
    position: int
    estimate: float


@dataclass(frozen=True)
class Done:
    frames: int
    took: float
    first: float
    waited: float
    forwards: int


Event = ChunkMade | Queued | Done | Failed


@dataclass
class Asked:
    """Something from the call, for the loop to do between two forwards."""

    prompt: str | None = None
    chunk: int = 0
    recache: bool = False
    frames: torch.Tensor | None = None
    stop: bool = False


@dataclass
class Job:
    order: Order
    name: str  # unguessable; of its session, too
    admitted: Admitted
    accepted: float  # when
    out: "queue.Queue[Event]" = field(default_factory=queue.Queue)
    asked: "queue.Queue[Asked]" = field(default_factory=queue.Queue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # Of the loop.
    session: Session | None = None
    began: float | None = None
    position: int = 0
    blocked: float | None = None  # since when the client has held it up
    opening_left: bool = False  # the opening is being computed and not yet kept
    resumed: Opening | None = None  # what it began from
    prompt_hit: bool = True
    opening_hit: bool = False
    result_hit: bool = False
    ended: bool = False
    touched: bool = False  # by the call, after the order: no longer what the order alone gives
    wanted: bool = False  # a snapshot is wanted: it rests between two chunks

    # Of the finisher; read by the loop.
    inbox: "queue.Queue" = field(default_factory=queue.Queue)
    pending: int = 0  # chunks that wait to be decoded
    chunks: int = 0  # sent
    frames: int = 0  # sent
    header: bytes = b""
    made: list[Made] = field(default_factory=list)
    timeline: Timeline | None = None
    first_at: float | None = None
    last_at: float | None = None

    # Of the call.
    acked: int = -1
    paused: bool = False
    canceled: Failed | None = None

    def cancel(self, why: Failed) -> None:
        """Seen before the next forward. The first reason counts."""
        with self.lock:
            if self.canceled is None:
                self.canceled = why

    def count(self, change: int) -> None:
        """Of pending."""
        with self.lock:
            self.pending += change

    def left(self) -> Admitted:
        """What it was admitted for, less the chunks that are done."""
        if self.session is None or not self.session.total:
            return self.admitted
        return replace(self.admitted, work=self.admitted.work * max(0.0, 1 - self.session.chunk / self.session.total))

    def held(self) -> bool:
        """By the client: paused, not acknowledged, or not read."""
        window = self.order.ack_window
        return self.paused or self.out.qsize() >= UNREAD or 0 < window <= self.chunks + self.pending - 1 - self.acked
