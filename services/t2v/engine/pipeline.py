"""One model over several ranks: each holds a contiguous range of blocks, and its layers' caches.

The first rank embeds and ends a forward, every rank runs its blocks and hands the tokens on; the last hands them back to the
first. Each rank is told what to do by rank 0, so that only rank 0 serves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from .dit import Attending, Dit, Prompt
from .kv import Cache, Slots


def ranges(layers: int, ranks: int, seconds: list[float] | None = None) -> list[tuple[int, int]]:
    """Blocks of each rank. seconds are what each rank took with an even share, beside its blocks too (the autoencoder, say):
    who is slower gets fewer. Every rank has at least one."""
    if ranks > layers:
        raise ValueError(f"{ranks} ranks for {layers} blocks")
    speed = [1.0 / s for s in seconds] if seconds else [1.0] * ranks
    ends, total = [], 0.0
    for i, s in enumerate(speed):
        total += s
        end = round(layers * total / sum(speed))
        least = ends[-1] + 1 if ends else 1
        ends.append(min(max(end, least), layers - (ranks - 1 - i)))
    return list(zip([0, *ends[:-1]], ends))


@dataclass(frozen=True)
class Step:
    """What rank 0 tells the others of a forward."""

    session: int
    frames: int
    rows: int
    columns: int
    batch: int
    groups: int
    commit: bool
    fresh: bool  # a new session: its cache begins empty
    prompt: bool  # a new prompt comes with it
    end: bool = False

    def pack(self) -> Tensor:
        return torch.tensor([int(v) for v in vars(self).values()])

    @staticmethod
    def unpack(t: Tensor) -> "Step":
        v = t.tolist()
        return Step(*v[:6], *(bool(x) for x in v[6:]))


class Rank:
    """One stage. slots gives a new session's cursors; every rank must be given the same."""

    def __init__(self, dit: Dit, span: tuple[int, int], slots, threshold: float = 0.0):
        self.dit, self.span, self._slots, self._threshold = dit, span, slots, threshold
        self.rank, self.ranks = dist.get_rank(), dist.get_world_size()
        self._caches: dict[int, Cache] = {}
        self._prompts: dict[int, Prompt] = {}

    def serve(self) -> None:
        """Of every rank but 0: runs its stage until rank 0 says that it ends."""
        while not (step := self._told()).end:
            self._stage(step)

    @torch.inference_mode()
    def forward(self, session: int, x: Tensor, t: Tensor, embedding: Tensor | None, commit: bool) -> Tensor:
        """Of rank 0: the velocity for the next frames [1, C, F, H, W] of a session. embedding [1, text_len, text_dim] where
        its prompt is new, else None."""
        h, grid = self.dit.embed(x)
        e, e0 = self.dit.time(t)
        fresh = session not in self._caches
        step = Step(session, *grid, h.shape[0], t.shape[1], commit, fresh, embedding is not None)
        self._tell(step)
        h = self._stage(step, h, e0, embedding)
        return self.dit.unpatch(self.dit.head(h, e), grid)

    def close(self) -> None:
        """Of rank 0: the others' serve returns."""
        self._tell(Step(0, 0, 0, 0, 0, 0, False, False, False, end=True))

    def _told(self) -> Step:
        told = torch.zeros(10, dtype=torch.long)
        dist.broadcast(told, 0)
        return Step.unpack(told)

    def _tell(self, step: Step) -> None:
        dist.broadcast(step.pack(), 0)

    @torch.inference_mode()
    def _stage(self, step: Step, h: Tensor | None = None, e0: Tensor | None = None, embedding: Tensor | None = None):
        c = self.dit.config
        tokens = step.rows * step.columns
        e0 = self._shared(e0, (step.batch, step.groups, 6, c.dim))
        if step.prompt:
            self._prompts[step.session] = self.dit.prompt(self._shared(embedding, (1, c.text_len, c.text_dim)))
        if step.fresh:
            layers = self.span[1] - self.span[0]
            self._caches[step.session] = Cache(
                self.dit.rope(),
                layers,
                tokens,
                c.heads,
                c.head_dim,
                self._slots(),
                self._threshold,
                self.dit.dtype,
                self.dit.device,
            )
        cache, prompt = self._caches[step.session], self._prompts[step.session]
        shape = (step.batch, step.frames * tokens, c.dim)
        if self.rank > 0:
            h = self._taken(shape, self.rank - 1)
        attention = Attending(self.dit.rope(), (step.frames, step.rows, step.columns), [prompt], [cache], step.commit)
        h = self.dit.run(h, e0, attention, *self.span)
        if step.commit:
            cache.commit()
        if self.ranks == 1:
            return h
        dist.send(
            h.contiguous().cpu() if dist.get_backend() == "gloo" else h.contiguous(), (self.rank + 1) % self.ranks
        )
        return self._taken(shape, self.ranks - 1) if self.rank == 0 else None

    def _shared(self, told: Tensor | None, shape: tuple[int, ...]) -> Tensor:
        """From rank 0 to all."""
        out = torch.zeros(shape) if told is None else told.float().cpu().contiguous()
        if dist.get_backend() != "gloo":
            out = out.to(self.dit.device)
        dist.broadcast(out, 0)
        return out.to(self.dit.device)

    def _taken(self, shape: tuple[int, ...], source: int) -> Tensor:
        out = torch.zeros(shape, device="cpu" if dist.get_backend() == "gloo" else self.dit.device)
        dist.recv(out, source)
        return out.to(self.dit.device)


def cursors(sinks: int, window: int, chunk: int):
    """Slots for Rank."""
    return lambda: Slots(sinks, window, chunk)
