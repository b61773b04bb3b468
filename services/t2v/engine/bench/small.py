"""The engine on a CPU: a small model, and the tiny one that is shipped."""

from __future__ import annotations

import resource
import statistics
import time
from pathlib import Path

import torch

from .. import batch, model
from ..config import DitConfig
from ..dit import Dit
from ..kv import Cache, Slots
from ..session import Spec
from ..v1 import engine_pb2 as pb
from .measure import Driven, Row, crowds, ms, ratio, timed


def against_recomputing(turns: int = 5) -> list[Row]:
    """A chunk of 3 latent frames over a cached window of 18, against the forward of all 21 that it stands for."""
    c = DitConfig(4, 256, 4, 1024, channels=4, freq_dim=64, text_dim=64, text_len=32)
    dit = model._random(Dit(c, "meta"), "cpu", torch.float32)
    side, tokens = 16, 64
    cache = Cache(dit.rope(), c.layers, tokens, c.heads, c.head_dim, Slots(0, 18, 3))
    cached, whole = [], []
    with torch.inference_mode():
        prompt, t = dit.prompt(torch.randn(1, 32, 64)), torch.tensor([[500.0]])
        for _ in range(6):
            dit(torch.randn(1, 4, 3, side, side), t, [prompt], [cache], True)
            cache.commit()
        for _ in range(turns):
            cached.append(timed(lambda: dit(torch.randn(1, 4, 3, side, side), t, [prompt], [cache])))
            whole.append(timed(lambda: dit(torch.randn(1, 4, 21, side, side), t, [prompt])))
    forward = ratio(whole, cached)
    # a chunk of four steps: five forwards with the cache (one more, clean, to fill it), four without
    chunk = statistics.median(w * 4 / (a * 5) for w, a in zip(whole, cached))
    return [
        (
            "forward of 3 frames over 18 cached against 21 recomputed",
            f"{forward:.1f} x faster",
            "7 x by counting; founding figure 1.3 x",
        ),
        ("the same by chunk of four steps, with the pass that fills the cache", f"{chunk:.1f} x faster", "reach 5 x"),
    ]


def hits(tiny: Path, turns: int = 5) -> list[Row]:
    """First chunk, from acceptance until it can be sent, through the whole engine with H.264."""
    miss, hit, whole, cold, prompt = [], [], [], [], []
    told = order("a red circle moving left", 0)
    told.template = "t"
    opening = pb.Opening(prompt="a white square moving up", chunks=2)
    with Driven(model.load(tiny)) as driven:
        tiers = driven.engine.tiers
        driven.make(told)  # warm
        for i in range(turns):
            told.seed = i
            told.opening.CopyFrom(opening)
            told.opening.seed = i
            miss.append(driven.make(told).first)
            tiers.results.clear()
            hit.append(driven.make(told).first)
            whole.append(driven.make(told).first)
            told.ClearField("opening")
            tiers.prompts.clear()
            tiers.embeddings.clear()
            cold.append(driven.make(told).first)
            tiers.results.clear()
            prompt.append(driven.make(told).first)
    return [
        ("first chunk, nothing cached", ms(cold), ""),
        ("first chunk, prompt hit", ms(prompt), f"{ratio(cold, prompt):.2f} x sooner"),
        ("first chunk, opening missed", ms(miss), ""),
        ("first chunk, opening hit", ms(hit), f"{ratio(miss, hit):.0f} x sooner; reach 20 x"),
        ("first chunk, whole result hit", ms(whole), f"{ratio(miss, whole):.0f} x sooner"),
    ]


def together(tiny: Path, counts: tuple[int, ...] = (1, 2, 4, 8)) -> list[Row]:
    """Several clients of the tiny model at once, a clip of three chunks each."""
    with Driven(model.load(tiny)) as driven:
        return crowds(driven, lambda seed: order("a blue square moving right", seed), counts)


def order(prompt: str, seed: int) -> pb.Order:
    told = pb.Order(prompt=prompt, width=64, height=64, frame_rate=16, length=2 * 10**9, seed=seed, id=str(seed))
    return told


def long_run(tiny: Path, frames: int) -> list[Row]:
    """Chunks of one endless session, decoded: their time and the memory at the beginning and at the end."""
    made = model.load(tiny)
    session = batch.start(made, Spec("a green circle moving left", 64, 64, seed=1, chunks=0))
    times: list[float] = []
    count, early, began = 0, 0, time.perf_counter()
    while count < frames:
        session.done(work := session.work(), batch.forward([work])[0])
        if pictures := batch.decode(session):
            count += pictures[0].shape[1]
            now = time.perf_counter()
            times.append(now - began)
            began = now
            early = early or (resident() if len(times) == 100 else 0)
    past = min(5, len(times) // 2)  # the first pay for warming up
    tenth = max(1, (len(times) - past) // 10)
    first, last = (statistics.median(t) * 1e3 for t in (times[past : past + tenth], times[-tenth:]))
    positions = max(session.caches[0].slots.positions())
    return [
        (f"{count} frames in one session: a chunk of 12, first tenth", f"{first:.0f} ms", ""),
        (
            "the same, last tenth",
            f"{last:.0f} ms",
            f"{last / first:.2f} of the first; flat is 1",
        ),
        ("memory over it", f"{(resident() - early) / 2**20:+.1f} MiB", f"highest position {positions} of 1023"),
    ]


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
