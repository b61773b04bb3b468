"""What is kept between orders: prompts as the model reads them, the openings of templates, whole results.

Each tier is a least-recently-used store with a budget in bytes. A key is the hash of everything its value depends on, told
unambiguously; the tenant is always part of it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from torch import Tensor

V = TypeVar("V")


def key(kind: str, **fields: Any) -> str:
    """JSON with sorted names tells strings, numbers, lists and nothing apart, so that no two sets of fields are told alike."""
    told = json.dumps([kind, fields], sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(told.encode()).hexdigest()


@dataclass
class Count:
    hits: int = 0
    misses: int = 0
    evicted: int = 0


class Store(Generic[V]):
    """Safe for concurrent use. A value greater than the budget is not kept."""

    def __init__(self, budget: int):
        self.budget, self.bytes, self.count = budget, 0, Count()
        self._kept: OrderedDict[str, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> V | None:
        with self._lock:
            if name not in self._kept:
                self.count.misses += 1
                return None
            self.count.hits += 1
            self._kept.move_to_end(name)
            return self._kept[name][0]

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._kept

    def put(self, name: str, value: V, size: int) -> bool:
        with self._lock:
            self._drop(name)
            if size > self.budget:
                return False
            while self.bytes + size > self.budget:
                self._drop(next(iter(self._kept)))
                self.count.evicted += 1
            self._kept[name] = (value, size)
            self.bytes += size
            return True

    def clear(self) -> None:
        """Gives the memory back, when the device runs out of it."""
        with self._lock:
            self._kept.clear()
            self.bytes = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def _drop(self, name: str) -> None:
        if name in self._kept:
            self.bytes -= self._kept.pop(name)[1]


@dataclass(frozen=True)
class Made:
    """A piece of a video as it leaves: a fragment without its initialisation segment."""

    data: bytes
    frames: int


@dataclass(frozen=True)
class Opening:
    """Where a session stands after a template's opening, and what was sent until then."""

    meta: dict
    tensors: dict[str, Tensor]  # on the host
    header: bytes  # initialisation segment
    made: tuple[Made, ...]
    model_frames: int

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self.tensors.values()) + sum(len(m.data) for m in self.made)


@dataclass(frozen=True)
class Result:
    header: bytes
    made: tuple[Made, ...]

    @property
    def bytes(self) -> int:
        return len(self.header) + sum(len(m.data) for m in self.made)


@dataclass
class Tiers:
    prompts: Store = field(default_factory=lambda: Store(1 << 30))  # keys of cross-attention, on the device
    embeddings: Store = field(default_factory=lambda: Store(256 << 20))  # before them, a hundredth as large
    openings: Store = field(default_factory=lambda: Store(4 << 30))
    results: Store = field(default_factory=lambda: Store(256 << 20))

    def each(self) -> list[tuple[str, Store]]:
        prompts = [("prompt", self.prompts), ("embedding", self.embeddings)]
        return [*prompts, ("opening", self.openings), ("result", self.results)]
