"""The rolling cache of keys and values of one session.

A cache has sinks + window + chunk slots, each of which holds one latent frame in every layer. A slot's role changes, its
content never moves: softmax does not care for order. The chunk in hand writes into scratch slots; committing makes them
the newest of the window (the first of a session: sinks), and the oldest of the window become scratch. The slots in use are
always the first ones, so that attention reads one contiguous piece.

Keys carry their place in the picture; the temporal pairs are kept raw beside them and turned once a chunk, to positions
counted from the oldest frame that is still here: sinks 0.., window, chunk. Positions thus never grow, however long a
session runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from .attn import attend
from .rope import Rope


@dataclass
class Slots:
    """Who is in which slot, in latent frames. Lives on the host: no question to it waits for the device."""

    sinks: int
    window: int
    chunk: int
    sunk: list[int] = field(default_factory=list)
    rolling: list[int] = field(default_factory=list)  # oldest first
    frames: int = 0  # committed since the beginning

    @property
    def total(self) -> int:
        return self.sinks + self.window + self.chunk

    def scratch(self) -> list[int]:
        """The slots of the chunk in hand, in the order of its frames."""
        taken = set(self.sunk) | set(self.rolling)
        free = [slot for slot in range(self.total) if slot not in taken]
        return free[: self.chunk]

    def used(self) -> int:
        return len(self.sunk) + len(self.rolling) + self.chunk

    def positions(self) -> list[int]:
        """The temporal position of every used slot, by slot."""
        order = self.sunk + self.rolling + self.scratch()
        out = [0] * len(order)
        for position, slot in enumerate(order):
            out[slot] = position
        return out

    def commit(self) -> list[int]:
        """Takes the scratch slots over; returns those of its frames that did not become sinks."""
        new = []
        for slot in self.scratch():
            if len(self.sunk) < self.sinks:
                self.sunk.append(slot)
            else:
                self.rolling.append(slot)
                new.append(slot)
        del self.rolling[: max(0, len(self.rolling) - self.window)]
        self.frames += self.chunk
        return new


class Cache:
    """Keys and values of all layers of one session and one prompt branch. Not for two threads."""

    def __init__(
        self,
        rope: Rope,
        layers: int,
        tokens: int,
        heads: int,
        head_dim: int,
        slots: Slots,
        threshold: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        self.rope, self.slots, self.threshold, self.tokens = rope, slots, threshold, tokens
        shape = (layers, slots.total, tokens, heads)
        self.keys = torch.zeros(*shape, head_dim, dtype=dtype, device=device)
        self.values = torch.zeros(*shape, head_dim, dtype=dtype, device=device)
        self.raw = torch.zeros(*shape, rope.time_pairs * 2, dtype=dtype, device=device)
        self.refresh()

    @staticmethod
    def bytes(rope: Rope, layers: int, tokens: int, heads: int, head_dim: int, frames: int, size: int) -> int:
        """What a cache of frames slots takes on the device."""
        return layers * frames * tokens * heads * (2 * head_dim + rope.time_pairs * 2) * size

    def refresh(self) -> None:
        """Turns the keys to the positions they have for the next chunk. Once a chunk, before its first forward."""
        at, positions = self.slots.scratch(), self.slots.positions()
        self.at = tuple(positions[slot] for slot in at)
        self._runs = _runs(at)
        self._used = self.slots.used()
        pairs = self.raw.shape[-1]
        turn = self.rope.time(positions)
        for layer in range(self.keys.shape[0]):
            self.keys[layer, : self._used, ..., :pairs] = self.rope.turn_time(self.raw[layer, : self._used], turn)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, raw: Tensor | None) -> Tensor:
        """Attention of the chunk to itself and to what is cached. q, k, v [frames * tokens, heads, head_dim], turned as their
        frames stand at; raw, the keys before that, is given where they are to be kept for commit()."""
        pairs = self.raw.shape[-1]
        told = [(self.keys, k), (self.values, v)] + ([] if raw is None else [(self.raw, raw[..., :pairs])])
        for kept, new in told:
            frames = new.unflatten(0, (-1, self.tokens))
            for slot, first, count in self._runs:
                kept[layer, slot : slot + count] = frames[first : first + count]
        seen_k, seen_v = (t[layer, : self._used].flatten(0, 1)[None] for t in (self.keys, self.values))
        return attend(q[None], seen_k, seen_v)[0]

    def commit(self) -> None:
        """The chunk whose forward ran with commit becomes part of the cache."""
        new = self.slots.commit()
        if self.threshold > 0 and new and len(self.slots.sunk) == self.slots.sinks > 0:
            self._adapt(new[-1])
        self.refresh()

    def _adapt(self, newest: int) -> None:
        """In each layer the sink least like the newest frame is replaced by it where it is less alike than the threshold.
        Decided on the device: nothing waits for it."""
        sunk = torch.tensor(self.slots.sunk, device=self.keys.device)
        seen = torch.tensor([*self.slots.sunk, newest], device=self.keys.device)
        pairs = self.raw.shape[-1]
        for layer in range(self.keys.shape[0]):
            key = torch.cat([self.raw[layer, seen], self.keys[layer, seen, ..., pairs:]], dim=-1)
            mean = torch.stack([t.float().mean(1).flatten(1) for t in (key, self.values[layer, seen])])
            alike = F.cosine_similarity(mean[:, :-1], mean[:, -1:], dim=-1).mean(0)  # of [2, sinks + 1, heads * d]
            least, which = alike.min(0)
            slot = sunk.index_select(0, which[None])  # not sunk[which], which waits
            replace = least < self.threshold
            for tensor in (self.keys, self.values, self.raw):
                old, new = tensor[layer].index_select(0, slot), tensor[layer, newest][None]
                tensor[layer].index_copy_(0, slot, torch.where(replace, new, old))

    def clear(self) -> None:
        """As new; what was cached is overwritten before it is ever read."""
        self.slots.sunk, self.slots.rolling, self.slots.frames = [], [], 0
        self.refresh()

    @property
    def size(self) -> int:
        """Bytes of the device."""
        return sum(t.numel() * t.element_size() for t in (self.keys, self.values, self.raw))

    def state(self) -> tuple[dict, dict[str, Tensor]]:
        """Cursors and a copy of what is cached, on the host; load gives it back bit for bit."""
        used = sorted(self.slots.sunk + self.slots.rolling)
        index = torch.tensor(used, dtype=torch.long, device=self.keys.device)
        cursors = {
            "used": used,
            "sunk": list(self.slots.sunk),
            "rolling": list(self.slots.rolling),
            "frames": self.slots.frames,
        }
        return cursors, {name: getattr(self, name).index_select(1, index).cpu() for name in ("keys", "values", "raw")}

    def load(self, cursors: dict, tensors: dict[str, Tensor]) -> None:
        index = torch.tensor(cursors["used"], dtype=torch.long, device=self.keys.device)
        for name in ("keys", "values", "raw"):
            getattr(self, name).index_copy_(1, index, tensors[name].to(self.keys.device))
        self.slots.sunk, self.slots.rolling = list(cursors["sunk"]), list(cursors["rolling"])
        self.slots.frames = cursors["frames"]
        self.refresh()


def _runs(slots: list[int]) -> list[tuple[int, int, int]]:
    """Slots that follow each other as (slot, frame, count): one copy each. In its stride a stream has one."""
    out: list[tuple[int, int, int]] = []
    for frame, slot in enumerate(slots):
        if out and out[-1][0] + out[-1][2] == slot:
            out[-1] = (out[-1][0], out[-1][1], out[-1][2] + 1)
        else:
            out.append((slot, frame, 1))
    return out
