"""Trains the recogniser for so many minutes, or goes on from a checkpoint.

    python -m train.train --data DIR --out FILE --minutes 60 [--threads 1] [--start FILE]

The learning rate follows the clock, not the steps, so that a busy machine still ends with a settled model. What is saved is the
moving average of the weights. Held-out phrases and voices are refused by synth.py as the material is made; here the hash of the
frozen list is checked again, and training ends at once when it is not the one committed.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .data import Batch, Material
from .espeak import Speaker
from .export import load
from .features import fbank
from .heldout import HeldOut, Leak, Part
from .measure import edits, greedy
from .model import Recogniser, Shape
from .phrases import Grammar
from .synth import place, speak


def check(material: Material, new: list[int], vocabulary: list[str], held: HeldOut) -> None:
    """Refuses material that says a held-out phrase."""
    for i in new:
        text = "".join(vocabulary[t - 1] for t in material.ids(i))
        if held.has_phrase(text):
            raise Leak(f"train on {text!r}: it is held out")


def loss_of(model: Recogniser, batch: Batch, align: float) -> torch.Tensor:
    """CTC over the whole utterance, and for a part align the known place of every token."""
    log_probs = model(batch.feats)
    ctc = F.ctc_loss(log_probs.transpose(0, 1), batch.labels, batch.steps, batch.lengths, reduction="sum", zero_infinity=True)
    loss = ctc / batch.lengths.sum()
    if align > 0:
        picked = F.nll_loss(log_probs.flatten(0, 1), batch.aligned.flatten(), reduction="none")
        weight = torch.where(batch.aligned.flatten() > 0, 1.0, 0.25)
        loss = (1 - align) * loss + align * (picked * weight).sum() / batch.lengths.sum()
    return loss


def spoken(part: Part, limit: int) -> list[tuple[np.ndarray, list[str]]]:
    """Speaks a frozen set: clean, features and tokens."""
    speaker, out = Speaker(), []
    for i, text in enumerate(part.phrases[:limit]):
        u = speak(speaker, text, part.voice(i), as_pinyin=False)
        if u is not None:
            out.append((fbank(place(u, 0.2, 0.5).wave), u.tokens))
    return out


@torch.no_grad()
def error(model: Recogniser, material: list[tuple[np.ndarray, list[str]]], vocabulary: list[str]) -> float:
    """Character error rate."""
    wrong = said = 0
    for feats, truth in material:
        ids, _ = greedy(model(torch.from_numpy(feats)[None])[0].argmax(dim=-1).tolist())
        wrong += edits(truth, [vocabulary[i - 1] for i in ids])
        said += len(truth)
    return wrong / said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=8000, help="frames of a batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    r = np.random.default_rng(args.seed)

    held, vocabulary, material = HeldOut(), Grammar().vocabulary(), Material(args.data)
    check(material, list(range(len(material))), vocabulary, held)
    watch = spoken(held.validation, 120)
    model = load(args.start)[0].train() if args.start else Recogniser(Shape(len(vocabulary) + 1, width=args.width))
    average = copy.deepcopy(model).eval()
    decay = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0}], args.rate, (0.9, 0.98))
    print(f"{sum(p.numel() for p in model.parameters())} weights, {len(material)} utterances, {len(vocabulary)} tokens", flush=True)

    begun, step, told, losses, heard = time.time(), 0, time.time(), [], 0
    while True:
        check(material, material.grow(), vocabulary, held)
        for chosen in material.batches(args.frames, r):
            done = (time.time() - begun) / (60 * args.minutes)
            if done >= 1:
                save(average, vocabulary, args.out)
                print(f"done: validation CER {error(average, watch, vocabulary):.3f}", flush=True)
                return
            warm = min(1.0, (step + 1) / 100)
            for group in optimiser.param_groups:
                group["lr"] = args.rate * warm * max(0.02, 0.5 * (1 + math.cos(math.pi * done)))
            batch = material.batch(chosen, r)
            loss = loss_of(model, batch, align=max(0.2, 0.8 - 2 * done))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimiser.step()
            keep = min(0.998, (step + 1) / (step + 10))
            with torch.no_grad():
                for a, p in zip(average.parameters(), model.parameters()):
                    a.lerp_(p, 1 - keep)
            step += 1
            heard += batch.feats.shape[0] * batch.feats.shape[1]
            losses.append(loss.item())
            if time.time() - told > 120:
                told = time.time()
                save(average, vocabulary, args.out)
                print(
                    f"{(told - begun) / 60:.1f} min, step {step}, {heard / 360000:.1f} h heard, loss {np.mean(losses[-200:]):.3f}, "
                    f"validation CER {error(average, watch, vocabulary):.3f}",
                    flush=True,
                )


def save(model: Recogniser, vocabulary: list[str], path: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    part = path.with_suffix(".part")
    torch.save({"weights": model.state_dict(), "shape": asdict(model.shape), "vocabulary": vocabulary}, part)
    part.rename(path)


if __name__ == "__main__":
    main()
