"""The published sizes with random weights on one device: the ceiling first, then one thing after the other.

The same code runs a small case on a CPU, which is how it is tested.
"""

from __future__ import annotations

import contextlib
import gc
import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import numpy as np
import torch

from .. import attn, config, finish, model
from ..config import ModelConfig
from ..dit import Dit
from ..encode import Packet
from ..kv import Slots
from ..text import Tokenizer
from ..v1 import engine_pb2 as pb
from .measure import Driven, Row, crowds, median, ms

TINY = Path(__file__).parent.parent / "models" / "tiny"


@dataclass(frozen=True)
class Case:
    name: str
    config: ModelConfig  # causal
    width: int
    height: int
    windows: tuple[int, ...] = (6, 12, 21)  # latent frames that a chunk sees, itself with them
    steps: tuple[int, ...] = (1, 2, 4)

    @property
    def window(self) -> int:
        """Of the case's own stream, counted alike."""
        return self.config.stream.window + self.config.stream.chunk

    @property
    def tokens(self) -> int:
        return self.config.tokens(self.width, self.height)


CASES = (
    Case("1.3B 480p", config.causal(config.wan21_1_3b(), window=9), 832, 480),
    Case("5B 704p", config.causal(config.wan22_5b(), window=9), 1280, 704),
    Case("14B 480p", config.causal(config.wan21_14b(), window=9), 832, 480),
)


@dataclass(frozen=True)
class Place:
    """Where, in what type, and how long it may take."""

    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16
    turns: int = 7
    product: int = 8192  # side of the matrices that measure the ceiling
    chunks: int = 12  # of a run through the whole engine
    seconds: float = 60.0  # of the long run
    crowd: tuple[int, ...] = (1, 2, 4, 8)

    def ceiling(self) -> float:
        """Operations a second of a matrix product on random numbers."""
        a = torch.randn(self.product, self.product, device=self.device, dtype=self.dtype)
        for _ in range(3):
            a @ a
        return 2 * self.product**3 / median(lambda: a @ a, 10)


def ceilings(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """What the device gives to a matrix product, and to attention by each kind of kernel."""
    rows: list[Row] = [
        (f"matrix product {at.product}, {_name(at)}", f"{at.ceiling() / 1e12:.1f} TFLOP/s", "the ceiling")
    ]
    for case in cases:
        c = case.config.dit
        n, k = 3 * case.tokens, case.window * case.tokens
        q, kv = (torch.randn(1, m, c.heads, c.head_dim, device=at.device, dtype=at.dtype) for m in (n, k))
        told = []
        for kind in ("flash", "cudnn"):
            with attn.preferring(kind), torch.inference_mode():
                attn.attend(q, kv, kv)
                seconds = median(lambda: attn.attend(q, kv, kv), at.turns)
            told.append(f"{kind} {4 * n * k * c.dim / seconds / 1e12:.1f}")
        rows.append((f"{case.name}: attention of {n} over {k}", ", ".join(told) + " TFLOP/s", ""))
    return rows


def forwards(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """A forward of 3 latent frames by window, as it is and fused, with its share of the ceiling."""
    rows, ceiling = [], at.ceiling()
    for case in cases:
        dit = model._random(Dit(case.config.dit, "meta"), at.device, at.dtype).compute_in(at.dtype)
        for kind in ("eager", "fused") if hasattr(torch, "compile") else ("eager",):
            if kind == "fused":
                dit.fuse()
            for window in case.windows:
                seconds = _forward(dit, case, window, at)
                used = flops(case, window) / seconds / ceiling
                fps = ", ".join(f"{s} steps {12 / (seconds * (s + 1)):.0f}" for s in case.steps)
                what = f"{case.name}, window {window}, {kind}: forward"
                rows.append(
                    (what, f"{seconds * 1e3:.1f} ms", f"{used:.0%} of the ceiling; FPS with the clean pass: {fps}")
                )
        del dit
        _free()
    return rows


def _forward(dit: Dit, case: Case, window: int, at: Place) -> float:
    c, stride = case.config, case.config.vae.stride
    x = torch.randn(1, c.dit.channels, 3, case.height // stride, case.width // stride, device=at.device)
    t = torch.tensor([[500.0]], device=at.device)
    with torch.inference_mode():
        cache = dit.cache(case.tokens, Slots(0, window - 3, 3))
        prompt = dit.prompt(torch.randn(1, c.dit.text_len, c.dit.text_dim, device=at.device))
        while len(cache.slots.rolling) < window - 3:
            dit(x, t, [prompt], [cache], True)
            cache.commit()
        dit(x, t, [prompt], [cache])
        return median(lambda: dit(x, t, [prompt], [cache]), at.turns)


def decoding(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """The autoencoder's decoder, 3 latent frames in the middle of a stream: as it is, with channels last, and fused."""
    rows = []
    for case in {c.config.vae: c for c in cases}.values():
        vae = model._random(model.Vae(case.config.vae, "meta"), at.device, at.dtype)
        stride = case.config.vae.stride
        z = torch.randn(1, case.config.vae.z, 3, case.height // stride, case.width // stride, device=at.device)
        for kind in (
            ("as it is", "channels last", "fused") if hasattr(torch, "compile") else ("as it is", "channels last")
        ):
            if kind != "as it is":
                vae = vae.arrange() if kind == "channels last" else vae.fuse()
            with torch.inference_mode():
                tails: dict = {}
                vae.decode(z, tails)
                vae.decode(z, tails)
                seconds = median(lambda: vae.decode(z, tails), at.turns)
            rows.append((f"{case.name}, {kind}: decoding", f"{seconds * 1e3:.1f} ms", f"{12 / seconds:.0f} FPS"))
        del vae
        _free()
    return rows


def whole(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """End to end through the engine, with autoencoder and H.264: frames a second, and how soon the first chunk comes."""
    rows = []
    for case in cases:
        with _driven(case, at) as (driven, coded):
            cold = driven.make(_order(case, at, 0, prompt="cold")).first
            for kind in ("eager", "fused") if hasattr(torch, "compile") else ("eager",):
                if kind == "fused":
                    driven.engine.model.fused()
                    driven.make(_order(case, at, 1, prompt="compiling"))
                for steps in case.steps:
                    made = driven.make(_order(case, at, 10 + steps, steps=steps, prompt=kind))
                    rate = made.rate(min(len(made.chunks) - 2, 1 + case.config.stream.window // 3))
                    what = f"{case.name}, window {case.window}, {steps} steps, {kind}, end to end{coded}"
                    rows.append((what, f"{rate:.1f} FPS", "window full"))
            rows.append((f"{case.name}: first chunk, nothing has run yet", f"{cold * 1e3:.0f} ms", ""))
            rows += _firsts(driven, case, at)
        _free()
    return rows


def _firsts(driven: Driven, case: Case, at: Place) -> list[Row]:
    times: dict[str, list[float]] = {
        "warm, a new prompt": [],
        "prompt hit": [],
        "opening missed": [],
        "opening hit": [],
    }
    for i in range(3):
        told = _order(case, at, 100 + i, chunks=2, prompt=f"new {i}")
        times["warm, a new prompt"].append(driven.make(told).first)
        told.seed += 1000
        times["prompt hit"].append(driven.make(told).first)
        told.template = "t"
        told.opening.CopyFrom(pb.Opening(prompt="a curtain rises", seed=i, chunks=1))
        times["opening missed"].append(driven.make(told).first)
        told.seed += 1000
        times["opening hit"].append(driven.make(told).first)
    sooner = statistics.median(a / b for a, b in zip(times["opening missed"], times["opening hit"]))
    return [
        (
            f"{case.name}: first chunk, {name}",
            ms(t),
            f"{sooner:.0f} x sooner than missed; reach 20 x" * ("hit" == name[-3:] and name[0] == "o"),
        )
        for name, t in times.items()
    ]


def together(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """1 to 8 clients at once, with deadlines and without."""
    rows: list[Row] = []
    for case in cases:
        with _driven(case, at) as (driven, _):
            counted = crowds(driven, lambda seed: _order(case, at, seed, chunks=3), at.crowd)
        rows += [(f"{case.name}: {what}", much, against) for what, much, against in counted]
        _free()
    return rows


def lasting(cases: tuple[Case, ...], at: Place) -> list[Row]:
    """One stream for at.seconds: chunk time and memory at its beginning and at its end."""
    case = cases[0]
    with _driven(case, at) as (driven, _):
        told = _order(case, at, 5)
        told.endless = True
        job, began = driven.ask(told)
        times, memory, last = [], [], 0.0
        while not times or time.perf_counter() - began < at.seconds:
            event = job.out.get()
            if isinstance(event, Exception):
                raise event
            if hasattr(event, "data"):
                now = time.perf_counter()
                times.append(now - last)
                memory.append(torch.cuda.memory_allocated() if at.device == "cuda" else 0)
                last = now
        job.cancel(finish.Failed(pb.CODE_CANCELED, "enough"))
    skip = min(len(times) - 1, 2 + case.config.stream.window // 3)
    times, memory = times[skip:], memory[skip:]
    tenth = max(1, len(times) // 10)
    first, end = statistics.median(times[:tenth]), statistics.median(times[-tenth:])
    return [
        (
            f"{case.name}: {len(times)} chunks in {at.seconds:.0f} s, first tenth to last",
            f"{first * 1e3:.1f} to {end * 1e3:.1f} ms",
            f"memory {(memory[-1] - memory[0]) / 2**20:+.1f} MiB",
        )
    ]


PARTS: dict[str, Callable[[tuple[Case, ...], Place], list[Row]]] = {
    "ceilings": ceilings,
    "forwards": forwards,
    "decoding": decoding,
    "whole": whole,
    "together": together,
    "lasting": lasting,
}


def flops(case: Case, window: int) -> float:
    """Of one forward of a chunk of 3."""
    d, n, k = case.config.dit, 3 * case.tokens, window * case.tokens
    layer = 8 * n * d.dim**2 + 4 * n * k * d.dim + 4 * n * d.dim**2 + 4 * n * d.text_len * d.dim + 4 * n * d.dim * d.ffn
    return d.layers * layer + 8 * n * 2 * d.channels * d.dim


@contextlib.contextmanager
def _driven(case: Case, at: Place) -> Iterator[tuple[Driven, str]]:
    """An engine of random weights, tuned as it is served; and what is to be said of its encoding."""
    made = model.random(case.config, device=at.device, dtype=at.dtype).tuned()
    made.tokenizer = Tokenizer(TINY / "spiece.model")  # any will do: speed does not depend on what is said
    memory = int(torch.cuda.mem_get_info()[0] * 0.85) if at.device == "cuda" else 1 << 30
    with contextlib.ExitStack() as stack:
        stack.enter_context(attn.preferring("auto"))
        coded = ""
        if shutil.which("ffmpeg") is None:
            finish.Encoder, real = Uncoded, finish.Encoder
            stack.callback(setattr, finish, "Encoder", real)
            coded = " but for H.264: there is no ffmpeg here"
        yield stack.enter_context(Driven(made, memory)), coded


class Uncoded:
    """In an encoder's place where there is none: pictures come to the host, and no further."""

    header = b"\1\0\0\0\0"

    def __init__(self, form: object):
        pass

    def encode(self, frames: np.ndarray) -> list[Packet]:
        return [Packet(b"", False)] * len(frames)

    def kill(self) -> None:
        pass

    close = kill


def _order(case: Case, at: Place, seed: int, chunks: int = 0, steps: int = 0, prompt: str = "a red mug") -> pb.Order:
    c = case.config
    frames = (chunks or at.chunks) * c.stream.chunk * c.vae.time_stride - c.vae.time_stride + 1
    return pb.Order(
        id=str(seed),
        prompt=prompt,
        width=case.width,
        height=case.height,
        frame_rate=c.frame_rate,
        length=int(frames / c.frame_rate * 1e9),
        seed=seed,
        steps=steps,
    )


def _name(at: Place) -> str:
    return str(at.dtype).split(".")[1]


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
