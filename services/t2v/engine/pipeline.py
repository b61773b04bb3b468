"""One model over several ranks, for one that a single device does not hold.

Each rank is a process with a contiguous range of blocks, and of every cache and prompt the layers of those blocks. The first
rank serves: it embeds and ends a forward, tells the others what comes (JSON, to all), and the tokens go from rank to rank
and back to it. A forward passes through the ranks one after the other, so that ranks add memory and not speed.
"""

from __future__ import annotations

import argparse
import itertools
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import model
from .dit import Attending, Dit
from .failure import Lost, out_of_memory
from .kv import Cache, Slots
from .link import Link

_fine, _memory, _other = range(3)  # how a command went, on the rank where it went worst


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


class Rank:
    """One stage. What is told is carried out by all ranks alike: by lead on the first, in serve on the others."""

    def __init__(self, link: Link, dits: list[Dit], spans: list[tuple[int, int]]):
        self.link, self.dits, self.spans = link, dits, spans
        self._held: dict[int, Any] = {}  # caches and prompts by their numbers
        self._numbers = itertools.count(1)
        self._gone: deque[int] = deque()  # numbers that nobody holds any more
        self.lost = ""  # why no more is told
        self._telling = threading.Lock()

    @torch.inference_mode()
    def serve(self) -> None:
        """Of every rank but the first: until it says that it ends."""
        while (told := self.link.told())["do"] != "end":
            self._carry_out(told, ())

    def lead(self, do: str, *tensors: Tensor, **more: Any) -> Any:
        """Of the first rank: has all carry it out."""
        if self.lost:
            raise Lost(self.lost)
        gone = [self._gone.popleft() for _ in range(len(self._gone))]
        try:
            with self._telling, torch.inference_mode():
                told = {"do": do, "gone": gone, **more}
                self.link.tell(told)
                return self._carry_out(told, tensors)
        except Lost as err:
            self.lost = str(err)
            raise

    def end(self, patience: float) -> None:
        """From any thread. A forward that takes longer is left alone: then the others must be ended from without."""
        if not self.lost and self._telling.acquire(timeout=patience):
            self.lost = "ended"
            self.link.tell({"do": "end"})

    def number(self, holder: object) -> int:
        """A new one, which is given up with its holder."""
        number = next(self._numbers)
        weakref.finalize(holder, self._gone.append, number).atexit = False
        return number

    def held(self, number: int) -> Any:
        return self._held[number]

    def _carry_out(self, told: dict, tensors: tuple[Tensor, ...]) -> Any:
        for number in told["gone"]:
            self._held.pop(number, None)
        failure: Exception | None = None
        answer = None
        try:
            answer, failure = getattr(self, "_" + told["do"])(told, *tensors)
        except Lost:
            raise
        except Exception as err:  # told to all below
            failure = err
        went = _fine if failure is None else _memory if out_of_memory(failure) else _other
        worst = self.link.most(went)
        if self.link.rank == 0 and worst != _fine:
            if failure is not None:
                raise failure
            raise RuntimeError(
                "out of memory on another rank" if worst == _memory else f"a rank failed to {told['do']}"
            )
        return answer

    def _prompt(self, told: dict, embedding: Tensor | None = None) -> tuple[None, None]:
        dit = self.dits[told["dit"]]
        c = dit.config
        embedding = self.link.shared(embedding, (1, c.text_len, c.text_dim), dit.device)
        self._held[told["number"]] = dit.prompt(embedding)
        return None, None

    def _cache(self, told: dict) -> tuple[None, None]:
        self._held[told["number"]] = self.dits[told["dit"]].cache(
            told["tokens"], Slots(*told["slots"]), told["threshold"]
        )
        return None, None

    def _commit(self, told: dict) -> tuple[None, None]:
        self._held[told["number"]].commit()
        return None, None

    def _clear(self, told: dict) -> tuple[None, None]:
        self._held[told["number"]].clear()
        return None, None

    def _fuse(self, told: dict) -> tuple[None, None]:
        for dit in self.dits:
            dit.fuse()
        return None, None

    def _run(
        self, told: dict, h: Tensor | None = None, e0: Tensor | None = None
    ) -> tuple[Tensor | None, Exception | None]:
        """This rank's blocks. A rank that fails hands on zeros, so that none waits for it."""
        dit, link = self.dits[told["dit"]], self.link
        batch, length, dim = told["shape"]
        e0 = link.shared(e0, (batch, told["groups"], 6, dim), dit.device)
        if link.rank > 0:
            h = link.taken(link.rank - 1, (batch, length, dim), dit.device)
        failure = None
        try:
            prompts = [self._held[n] for n in told["prompts"]]
            caches = None if told["caches"] is None else [self._held[n] for n in told["caches"]]
            h = dit.run(h, e0, Attending(dit.rope(), tuple(told["grid"]), prompts, caches, told["commit"]))
        except Exception as err:  # told to all
            h, failure = torch.zeros((batch, length, dim), device=dit.device), err
        if link.ranks == 1:
            return h, failure
        link.give((link.rank + 1) % link.ranks, h)
        return (link.taken(link.ranks - 1, (batch, length, dim), dit.device) if link.rank == 0 else None), failure

    def _state(self, told: dict) -> tuple[tuple[dict, dict[str, Tensor]] | None, Exception | None]:
        """All ranks' layers together, on the first."""
        failure, cursors, mine, whole = None, {}, {}, {}
        try:
            cursors, mine = self._held[told["number"]].state()
        except Exception as err:  # told to all, before anyone gives
            failure = err
        if self.link.most(failure is not None):
            return None, failure
        for name, tensor in mine.items():
            if self.link.rank > 0:
                self.link.give(0, tensor)
                continue
            parts = [tensor]
            for rank, (first, last) in list(enumerate(self.spans))[1:]:
                parts.append(self.link.taken(rank, (last - first, *tensor.shape[1:]), "cpu", tensor.dtype))
            whole[name] = torch.cat(parts)
        return ((cursors, whole) if self.link.rank == 0 else None), None

    def _load(self, told: dict, *tensors: Tensor) -> tuple[None, None]:
        """tensors: keys, values and raw keys of all layers, on the first."""
        cache: Cache = self._held[told["number"]]
        own = {}
        for i, name in enumerate(("keys", "values", "raw")):
            if self.link.rank == 0:
                for rank, (first, last) in list(enumerate(self.spans))[1:]:
                    self.link.give(rank, tensors[i][first:last].to(cache.keys.dtype))
                own[name] = tensors[i][slice(*self.spans[0])]
            else:
                kept = getattr(cache, name)
                shape = (kept.shape[0], len(told["cursors"]["used"]), *kept.shape[2:])
                own[name] = self.link.taken(0, shape, "cpu", kept.dtype)
        cache.load(told["cursors"], own)
        return None, None


class RankedPrompt:
    """A prompt that every rank holds for its layers."""

    def __init__(self, rank: Rank, dit: int, embedding: Tensor):
        self.number = rank.number(self)
        rank.lead("prompt", embedding, dit=dit, number=self.number)
        self.bytes = rank.held(self.number).bytes


class RankedCache:
    """A cache that every rank holds for its layers; as kv.Cache to a session."""

    def __init__(self, rank: Rank, dit: int, tokens: int, slots: Slots, threshold: float):
        self._rank, self.number = rank, rank.number(self)
        told = [slots.sinks, slots.window, slots.chunk]
        rank.lead("cache", dit=dit, number=self.number, tokens=tokens, slots=told, threshold=threshold)
        self._own: Cache = rank.held(self.number)

    @property
    def slots(self) -> Slots:
        return self._own.slots

    @property
    def size(self) -> int:
        return self._own.size

    def commit(self) -> None:
        self._rank.lead("commit", number=self.number)

    def clear(self) -> None:
        self._rank.lead("clear", number=self.number)

    def state(self) -> tuple[dict, dict[str, Tensor]]:
        return self._rank.lead("state", number=self.number)

    def load(self, cursors: dict, tensors: dict[str, Tensor]) -> None:
        told = [tensors[name] for name in ("keys", "values", "raw")]
        self._rank.lead("load", *told, number=self.number, cursors=cursors)


class RankedDit:
    """A transformer whose blocks lie on all ranks; as dit.Dit to a session. Of the first rank's one thread."""

    def __init__(self, rank: Rank, index: int):
        self._rank, self._index, self._dit = rank, index, rank.dits[index]
        self.config, self.dtype, self.device = self._dit.config, self._dit.dtype, self._dit.device

    def fuse(self) -> "RankedDit":
        if self._index == 0:  # all of a rank's
            self._rank.lead("fuse")
        return self

    def prompt(self, embedding: Tensor) -> RankedPrompt:
        return RankedPrompt(self._rank, self._index, embedding)

    def cache(self, tokens: int, slots: Slots, threshold: float = 0.0) -> RankedCache:
        return RankedCache(self._rank, self._index, tokens, slots, threshold)

    def session_bytes(self, tokens: int, frames: int) -> int:
        """Of the rank that holds most."""
        own, most = self._rank.spans[0], max(last - first for first, last in self._rank.spans)
        return self._dit.session_bytes(tokens, frames) * most // (own[1] - own[0])

    def __call__(
        self, x: Tensor, t: Tensor, prompts: list[RankedPrompt], caches: list[RankedCache] | None, commit: bool
    ) -> Tensor:
        h, grid = self._dit.embed(x)
        e, e0 = self._dit.time(t)
        h = self._rank.lead(
            "run",
            h,
            e0,
            dit=self._index,
            shape=list(h.shape),
            groups=t.shape[1],
            grid=list(grid),
            prompts=[p.number for p in prompts],
            caches=None if caches is None else [c.number for c in caches],
            commit=commit,
        )
        return self._dit.unpatch(self._dit.head(h, e), grid)


def joined(link: Link, folder: Path, device: str, dtype: torch.dtype) -> Rank:
    """This rank with its part of the model in folder. All ranks have theirs, or none has: then it raises."""
    failure, rank = None, None
    try:
        config = model.read(folder / "model.json")
        spans = ranges(config.dit.layers, link.ranks)
        rank = Rank(link, model.dits(folder, config, device, dtype, span=spans[link.rank]), spans)
    except Exception as err:  # told to all
        failure = err
    if link.most(_fine if failure is None else _other) != _fine or rank is None:
        raise failure or RuntimeError("a rank could not load its part of the model")
    return rank


def main() -> None:
    """A rank that is not the first; the first starts it."""
    p = argparse.ArgumentParser(prog="python -m engine.pipeline")
    p.add_argument("--model", type=Path, required=True)
    p.add_argument("--device", required=True)
    p.add_argument("--dtype", required=True)
    p.add_argument("--rank", type=int, required=True)
    p.add_argument("--ranks", type=int, required=True)
    p.add_argument("--meet", type=Path, required=True, help="file in a folder that is the first rank's alone")
    p.add_argument("--threads", type=int, default=0)
    args = p.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        link = Link(args.rank, args.ranks, args.meet, args.device)
        rank = joined(link, args.model, args.device, getattr(torch, args.dtype))
        link.least(free(args.device))
        rank.serve()
    except Lost as err:
        raise SystemExit(f"rank {args.rank}: {err}") from err


def free(device: str) -> int:
    """Bytes for sessions that a rank has."""
    return int(torch.cuda.mem_get_info(device)[0] * 0.85) if device.startswith("cuda") else 1 << 62


if __name__ == "__main__":
    main()
