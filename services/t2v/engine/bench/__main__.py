from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import time
from pathlib import Path

import torch

from .. import bench
from . import grid, small
from .measure import Row

HERE = Path(__file__).parent.parent


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m engine.bench", description=bench.__doc__)
    p.add_argument("--tiny", type=Path, default=HERE / "models" / "tiny")
    p.add_argument("--frames", type=int, default=10_000, help="of the long run on the CPU")
    p.add_argument(
        "--parts",
        default="",
        help=f"by commas: {','.join([*_small(None, 0), *grid.PARTS])}; default: what this machine can",
    )
    p.add_argument(
        "--sizes", default="", help="of the grid, by commas: " + ",".join(c.name.split()[0] for c in grid.CASES)
    )
    p.add_argument("--seconds", type=float, default=60, help="of the grid's long run")
    p.add_argument("--json", type=Path)
    p.add_argument("--write", action="store_true", help="into BENCHMARKS.md, in place of this device's section")
    args = p.parse_args()
    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name(0) if cuda else f"CPU, {torch.get_num_threads()} thread(s)"
    parts = dict(_small(args.tiny, args.frames))
    if cuda:
        cases = tuple(c for c in grid.CASES if not args.sizes or c.name.split()[0] in args.sizes.split(","))
        at = grid.Place(seconds=args.seconds)
        parts = {name: lambda part=part: part(cases, at) for name, part in grid.PARTS.items()} | parts
    wanted = args.parts.split(",") if args.parts else list(parts)
    if unknown := [name for name in wanted if name not in parts]:
        p.error(f"no such part here: {', '.join(unknown)}")
    rows: list[Row] = []
    for name in wanted:
        began = time.monotonic()
        try:
            more = parts[name]()
        except Exception as err:  # the other parts are worth having
            more = [(name, "failed", f"{type(err).__name__}: {err}".splitlines()[0])]
        rows += more
        for what, much, against in more:
            print(f"{what:<66} {much:<28} {against}", flush=True)
        print(f"-- {name}: {time.monotonic() - began:.0f} s", flush=True)
        if args.json:
            args.json.write_text(
                json.dumps({"device": device, "torch": torch.__version__, "rows": rows}, indent=1) + "\n"
            )
    if args.write:
        write(HERE / "BENCHMARKS.md", device, rows)


def _small(tiny: Path | None, frames: int) -> dict:
    return {
        "recomputing": small.against_recomputing,
        "hits": lambda: small.hits(tiny),
        "crowd": lambda: small.together(tiny),
        "long": lambda: small.long_run(tiny, frames),
    }


def write(file: Path, device: str, rows: list[Row]) -> None:
    try:
        command = ["git", "rev-parse", "--short", "HEAD"]
        head = subprocess.run(command, capture_output=True, text=True, cwd=file.parent).stdout.strip()
    except OSError:
        head = "unknown"
    lines = [f"## {device}", "", f"{datetime.date.today()}, commit {head}, PyTorch {torch.__version__}", ""]
    lines += ["| what | measured | against |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows), ""]
    old = file.read_text(encoding="utf-8") if file.exists() else "# What the engine reaches\n\n"
    top, *sections = old.split("\n## ")
    kept = [s for s in sections if not s.startswith(device.split(",")[0])]
    file.write_text("\n## ".join([top.rstrip("\n") + "\n", "\n".join(lines)[3:], *kept]), encoding="utf-8")


if __name__ == "__main__":
    main()
