"""python -m engine.bench: what the engine reaches on this machine, as a table, JSON, and a section of BENCHMARKS.md.

Random weights where only speed is measured: it does not depend on them. On the CPU a small model; on an NVIDIA GPU also the
grid of the published sizes. Compared things run in turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import resource
import statistics
import subprocess
import threading
import time
from pathlib import Path

import torch

from . import batch, config, model
from .cache import Tiers
from .config import DitConfig, ModelConfig
from .dit import Dit
from .job import ChunkMade, Done
from .kv import Cache, Slots
from .loop import Engine, Limits
from .orders import read
from .session import Spec
from .stats import Stats
from .vae import Vae
from .v1 import engine_pb2 as pb

Row = tuple[str, str, str]  # what, how much, against what

_grid = (
    ("1.3B 480p", config.wan21_1_3b, 832, 480),
    ("5B 704p", config.wan22_5b, 1280, 704),
    ("14B 480p", config.wan21_14b, 832, 480),
)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tiny", type=Path, default=Path(__file__).parent / "models" / "tiny")
    p.add_argument("--frames", type=int, default=10_000, help="of the long run")
    p.add_argument("--json", type=Path)
    p.add_argument("--write", action="store_true", help="into BENCHMARKS.md, in place of this device's section")
    args = p.parse_args()
    rows: list[Row] = []
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    for part in (against_recomputing, lambda: hits(args.tiny), lambda: long_run(args.tiny, args.frames)):
        rows += said(part())
    if torch.cuda.is_available():
        rows += said(gpu_grid())
    if args.json:
        args.json.write_text(json.dumps({"device": device, "rows": rows}, indent=1) + "\n")
    if args.write:
        write(Path(__file__).parent / "BENCHMARKS.md", device, rows)


def said(rows: list[Row]) -> list[Row]:
    for what, much, against in rows:
        print(f"{what:<66} {much:<28} {against}", flush=True)
    return rows


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
    made = model.load(tiny)
    miss, hit, whole, cold = [], [], [], []
    engine = started(made)
    told = pb.Order(
        prompt="a red circle moving left", width=64, height=64, frame_rate=16, length=3 * 10**9, template="t"
    )
    opening = pb.Opening(prompt="a white square moving up", chunks=2)
    first_chunk(engine, told)  # warm
    for i in range(turns):
        told.seed = i
        told.opening.CopyFrom(opening)
        told.opening.seed = i
        miss.append(first_chunk(engine, told))
        engine.tiers.results.clear()
        hit.append(first_chunk(engine, told))
        whole.append(first_chunk(engine, told))
        told.ClearField("opening")
        engine.tiers.prompts.clear()
        cold.append(first_chunk(engine, told))
    engine.close()
    return [
        ("first chunk, nothing cached", ms(cold), ""),
        ("first chunk, opening missed", ms(miss), ""),
        ("first chunk, opening hit", ms(hit), f"{ratio(miss, hit):.0f} x sooner; reach 20 x"),
        ("first chunk, whole result hit", ms(whole), f"{ratio(miss, whole):.0f} x sooner"),
    ]


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
    tenth = max(10, len(times) // 10)
    first, last = sorted(times[5 : 5 + tenth]), sorted(times[-tenth:])
    positions = max(session.caches[0].slots.positions())
    return [
        (f"{count} frames in one session: a chunk of 12, first tenth", f"{first[tenth // 2] * 1e3:.0f} ms", ""),
        (
            "the same, last tenth",
            f"{last[tenth // 2] * 1e3:.0f} ms",
            f"{last[tenth // 2] / first[tenth // 2]:.2f} of the first; flat is 1",
        ),
        ("memory over it", f"{(resident() - early) / 2**20:+.1f} MiB", f"highest position {positions} of 1023"),
    ]


def gpu_grid() -> list[Row]:
    """Published sizes with random weights in bf16: ceiling first, then sizes, windows and steps, transformer and decoder."""
    n = 8192
    a = torch.randn(n, n, device="cuda", dtype=torch.bfloat16)
    ceiling = 2 * n**3 / min(timed(lambda: a @ a, cuda=True) for _ in range(10))
    rows: list[Row] = [("matrix product 8192, bf16", f"{ceiling / 1e12:.0f} TFLOP/s", "the ceiling")]
    for name, make, width, height in _grid:
        for window in (6, 12, 21):
            rows.append(gpu_forward(name, config.causal(make(), window=window), width, height, ceiling))
            gc.collect()
            torch.cuda.empty_cache()
        rows.append(gpu_decode(name, make(), width, height))
    return rows


def gpu_forward(name: str, c: ModelConfig, width: int, height: int, ceiling: float) -> Row:
    kind, window = torch.bfloat16, c.stream.window
    dit = model._random(Dit(c.dit, "meta"), "cuda", kind).compute_in(kind)
    tokens, slots = c.tokens(width, height), Slots(0, window, 3)
    cache = Cache(dit.rope(), c.dit.layers, tokens, c.dit.heads, c.dit.head_dim, slots, dtype=kind, device="cuda")
    x = torch.randn(1, c.dit.channels, 3, height // c.vae.stride, width // c.vae.stride, device="cuda")
    t = torch.tensor([[500.0]], device="cuda")
    with torch.inference_mode():
        prompt = dit.prompt(torch.randn(1, 512, 4096, device="cuda"))
        while len(slots.rolling) < window:
            dit(x, t, [prompt], [cache], True)
            cache.commit()
        seconds = statistics.median(timed(lambda: dit(x, t, [prompt], [cache]), cuda=True) for _ in range(7))
    used = flops(c, tokens, window) / seconds / ceiling
    fps = ", ".join(f"{s} steps {12 / (seconds * (s + 1)):.0f}" for s in (1, 2, 4))
    what = f"{name}, window {window}: forward of 3 latent frames"
    return what, f"{seconds * 1e3:.1f} ms", f"{used:.0%} of the ceiling; FPS with the clean pass: {fps}"


def gpu_decode(name: str, c: ModelConfig, width: int, height: int) -> Row:
    vae = model._random(Vae(c.vae, "meta"), "cuda", torch.bfloat16).requires_grad_(False)
    z = torch.randn(1, c.vae.z, 3, height // c.vae.stride, width // c.vae.stride, device="cuda")
    with torch.inference_mode():
        tails: dict = {}
        vae.decode(z, tails)
        seconds = statistics.median(timed(lambda: vae.decode(z, tails), cuda=True) for _ in range(5))
    return f"{name}: decoding 3 latent frames", f"{seconds * 1e3:.0f} ms", f"{12 / seconds:.0f} FPS"


def flops(c: ModelConfig, tokens: int, window: int) -> float:
    """Of one forward of a chunk of 3."""
    d, n, k = c.dit, 3 * tokens, (window + 3) * tokens
    layer = 8 * n * d.dim**2 + 4 * n * k * d.dim + 4 * n * d.dim**2 + 4 * n * 512 * d.dim + 4 * n * d.dim * d.ffn
    return d.layers * layer + 8 * n * 2 * d.channels * d.dim


def started(made: model.Model) -> Engine:
    engine = Engine(made, Limits(memory=1 << 30), Stats(), Tiers())
    threading.Thread(target=engine.run, daemon=True).start()
    return engine


def first_chunk(engine: Engine, told: pb.Order) -> float:
    """Seconds until the first chunk of an order lies ready; the order is then brought to its end."""
    began = time.perf_counter()
    job, first = engine.submit(read(engine.model, told)), 0.0
    while not isinstance(event := job.out.get(), Done):
        if isinstance(event, Exception):
            raise event
        if isinstance(event, ChunkMade) and not first:
            first = time.perf_counter() - began
    return first


def timed(run, cuda: bool = False) -> float:
    if cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of what each turn gives."""
    return statistics.median(s / f for s, f in zip(slow, fast))


def ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e3:.1f} ms"


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def write(file: Path, device: str, rows: list[Row]) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=file.parent
    ).stdout.strip()
    lines = [f"## {device}", "", f"{datetime.date.today()}, commit {head}, PyTorch {torch.__version__}", ""]
    lines += ["| what | measured | against |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows), ""]
    old = file.read_text(encoding="utf-8") if file.exists() else "# What the engine reaches\n\n"
    top, *sections = old.split("\n## ")
    kept = [s for s in sections if not s.startswith(device.split(",")[0])]
    file.write_text("\n## ".join([top.rstrip("\n") + "\n", "\n".join(lines)[3:], *kept]), encoding="utf-8")


if __name__ == "__main__":
    main()
