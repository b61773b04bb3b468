"""python -m engine.train.measure MODEL [SHEET.png]: how well the tiny model does what a prompt says, and a sheet to look at."""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from .. import batch, model
from ..session import Change, Spec
from .shapes import SIZE, Scene, all_scenes, seen

FIELDS = ("colour", "shape", "direction")


def follow(made: model.Model, scenes: list[Scene], chunks: int = 3) -> dict[str, float]:
    """The share of videos that show the colour, the shape, the direction of their prompt; and all three."""
    right = dict.fromkeys((*FIELDS, "all"), 0)
    for i, scene in enumerate(scenes):
        video = torch.cat(batch.run(batch.start(made, Spec(scene.prompt(), SIZE, SIZE, seed=i, chunks=chunks))), 1)
        got = seen(video)
        for field in FIELDS:
            right[field] += getattr(got, field) == getattr(scene, field)
        right["all"] += got == scene
    return {name: n / len(scenes) for name, n in right.items()}


def switched(made: model.Model, before: Scene, after: Scene, recache: bool, seed: int = 0) -> Tensor:
    """Six chunks, the prompt changed at the third: [3, T, SIZE, SIZE]."""
    session = batch.start(made, Spec(before.prompt(), SIZE, SIZE, seed=seed, chunks=6))
    session.change(Change(3, batch.read(made, after.prompt()), recache))
    return torch.cat(batch.run(session), 1)


def obeys(made: model.Model, scenes: list[Scene], recache: bool) -> float:
    """The share of switched videos that show the new scene in their last two chunks and showed the old one before."""
    good = 0
    for i, before in enumerate(scenes):
        after = scenes[(i * 7 + 3) % len(scenes)]
        video = switched(made, before, after, recache, i)
        good += seen(video[:, :33]) == before and seen(video[:, -24:]) == after
    return good / len(scenes)


def lasting(made: model.Model, scene: Scene, chunks: int) -> list[Scene]:
    """What is seen in each twenty chunks of a long run."""
    session = batch.start(made, Spec(scene.prompt(), SIZE, SIZE, seed=1, chunks=chunks))
    videos = batch.run(session)
    return [seen(torch.cat(videos[i : i + 20], 1)) for i in range(0, chunks, 20)]


def sheet(videos: list[Tensor], every: int, file: Path) -> None:
    """A row a video, a picture every so many frames."""
    rows = [torch.cat(list(v[:, ::every].unbind(1)), 2) for v in videos]
    width = max(r.shape[2] for r in rows)
    picture = torch.cat([torch.nn.functional.pad(r, (0, width - r.shape[2], 0, 2), value=1.0) for r in rows], 1)
    raw = ((picture + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous()
    size = f"{raw.shape[1]}x{raw.shape[0]}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i", "-", str(file)]
    subprocess.run(command, input=raw.numpy().tobytes(), check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("sheet", type=Path, nargs="?")
    parser.add_argument("--scenes", type=int, default=60)
    args = parser.parse_args()
    made = model.load(args.model)
    scenes = all_scenes()[:: max(1, 60 // args.scenes)]
    print("prompts followed:", {k: f"{v:.0%}" for k, v in follow(made, scenes).items()})
    for recache in (False, True):
        print(f"switches obeyed, {'recache' if recache else 'keep'}: {obeys(made, scenes[::3], recache):.0%}")
    scene = Scene("green", "circle", "left")
    seen_ = lasting(made, scene, 200)
    print(f"long run, each 20 of 200 chunks still the scene: {sum(s == scene for s in seen_)} of {len(seen_)}")
    if args.sheet:
        rows = []
        for i, s in enumerate(all_scenes()[::8]):
            rows.append(torch.cat(batch.run(batch.start(made, Spec(s.prompt(), SIZE, SIZE, seed=i, chunks=6))), 1))
        rows += [
            switched(made, a, replace(a, colour="blue", direction="up"), r)
            for r in (False, True)
            for a in (Scene("red", "square", "right"),)
        ]
        sheet(rows, 6, args.sheet)


if __name__ == "__main__":
    main()
