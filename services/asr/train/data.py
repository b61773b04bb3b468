"""Training batches from synth.py's files: mixed with noise, bent and masked as features, which is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .features import BINS, FRAME

STEP = 4 * FRAME  # seconds of one output step
PEAK = 0.35  # where in a token its peak is asked for, as a part of its length


@dataclass
class Batch:
    """feats (B, T, 80); labels (sum of lengths); aligned (B, T // 4): the token at its peak's step, else 0; steps, lengths (B)."""

    feats: Tensor
    labels: Tensor
    lengths: Tensor
    steps: Tensor
    aligned: Tensor


class Material:
    """The utterances of one folder; grow takes up shards that have come since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.noise = np.load(folder / "noise.npy")
        self._shards: dict[str, dict[str, np.ndarray]] = {}
        self._where: list[tuple[dict[str, np.ndarray], int]] = []
        self.grow()

    def grow(self) -> list[int]:
        """Reads new shards. Returns the numbers of the new utterances."""
        before = len(self)
        for path in sorted(self.folder.glob("*.npz")):
            if path.name not in self._shards:
                with np.load(path) as file:
                    shard = self._shards[path.name] = {name: file[name] for name in file.files}
                self._where += [(shard, i) for i in range(len(shard["starts"]) - 1)]
        self._length = np.array([s["starts"][i + 1] - s["starts"][i] for s, i in self._where])
        return list(range(before, len(self)))

    def __len__(self) -> int:
        return len(self._where)

    def ids(self, i: int) -> np.ndarray:
        """The tokens of an utterance, from 1."""
        shard, k = self._where[i]
        return shard["ids"][shard["said"][k] : shard["said"][k + 1]]

    def _times(self, i: int) -> np.ndarray:
        shard, k = self._where[i]
        return shard["times"][shard["said"][k] : shard["said"][k + 1]]

    def _feats(self, i: int) -> Tensor:
        shard, k = self._where[i]
        return torch.from_numpy(shard["feats"][shard["starts"][k] : shard["starts"][k + 1]].astype(np.float32))

    def _end(self, i: int) -> float:
        shard, k = self._where[i]
        return float(shard["ends"][k])

    def batches(self, frames: int, r: np.random.Generator) -> Iterator[list[int]]:
        """One pass over all utterances in batches of about so many frames, alike in length, in random order."""
        length = self._length
        order = np.argsort(length + r.uniform(0, 40, len(length)))
        groups: list[list[int]] = [[]]
        for i in order:
            if groups[-1] and (len(groups[-1]) + 1) * length[i] > frames:
                groups.append([])
            groups[-1].append(int(i))
        for g in r.permutation(len(groups)):
            yield groups[g]

    def batch(self, chosen: list[int], r: np.random.Generator, clean: bool = False) -> Batch:
        """Loads utterances; unless clean, as some room and some voice would have made them."""
        raw, times = [self._feats(i) for i in chosen], [self._times(i) for i in chosen]
        ends, ids = [self._end(i) for i in chosen], [self.ids(i) for i in chosen]
        if not clean:
            for j in range(len(raw)):
                rate = r.uniform(0.88, 1.14)
                raw[j], times[j], ends[j] = stretch(raw[j], rate), times[j] / rate, ends[j] / rate
        longest = -(-max(len(f) for f in raw) // 4) * 4
        feats = torch.stack([F.pad(f, (0, 0, 0, longest - len(f)), value=-15.9) for f in raw])
        if not clean:
            feats = self._disturb(feats, r)
        steps = torch.tensor([-(-len(f) // 4) for f in raw])
        aligned = torch.zeros(len(raw), longest // 4, dtype=torch.long)
        for j in range(len(raw)):
            stops = np.append(times[j][1:], ends[j])
            at = ((times[j] + PEAK * np.minimum(stops - times[j], 0.3)) / STEP).astype(int)
            aligned[j, torch.from_numpy(np.clip(at, 0, longest // 4 - 1))] = torch.from_numpy(ids[j])
        labels = torch.from_numpy(np.concatenate(ids)).long()
        return Batch(feats, labels, torch.tensor([len(x) for x in ids]), steps, aligned)

    def _disturb(self, feats: Tensor, r: np.random.Generator) -> Tensor:
        """Voice, microphone, noise, loudness and gaps. Energies add, so noise is a sum under the logarithm."""
        count, length, _ = feats.shape
        feats = warp(feats, torch.from_numpy(r.uniform(0.88, 1.12, count)).float())
        bands = torch.from_numpy(r.normal(0, 0.7, (count, 5, 1))).float()
        feats = feats + F.interpolate(bands.transpose(1, 2), BINS, mode="linear", align_corners=True)
        loud = feats.flatten(1).topk(length * BINS // 10, dim=1).values.mean(dim=1)
        at = [int(r.integers(0, len(self.noise) - length)) for _ in range(count)]
        noise = torch.from_numpy(np.stack([self.noise[a : a + length] for a in at]).astype(np.float32))
        noise_loud = noise.flatten(1).topk(length * BINS // 10, dim=1).values.mean(dim=1)
        # Signal to noise in dB: one in four is clean, the others spread from 3 to 40 dB.
        snr = torch.from_numpy(np.where(r.random(count) < 0.25, 70, r.uniform(3, 40, count))).float()
        shift = loud - noise_loud - snr * 0.2303
        feats = torch.logaddexp(feats, noise + shift[:, None, None])
        gain = torch.from_numpy(r.uniform(-28, 4, count)).float() * 0.2303
        feats = feats + gain[:, None, None]
        for j in range(count):
            for _ in range(2):
                wide, low = int(r.integers(0, 10)), int(r.integers(0, BINS - 10))
                feats[j, :, low : low + wide] = feats[j].mean()
                long = int(r.integers(0, 9))
                begin = int(r.integers(0, max(1, length - long)))
                feats[j, begin : begin + long] = feats[j].mean()
        return feats


def stretch(feats: Tensor, rate: float) -> Tensor:
    """Says it rate times as fast: (T, 80) to about (T / rate, 80)."""
    return F.interpolate(feats.t()[None], max(8, int(len(feats) / rate)), mode="linear", align_corners=True)[0].t()


def warp(feats: Tensor, factors: Tensor) -> Tensor:
    """Moves every spectrum (B, T, 80) along the mel axis by its factor, as a longer or shorter throat does."""
    at = (torch.arange(BINS) * factors[:, None]).clamp(max=BINS - 1.001)
    low = at.long()
    part = (at - low)[:, None, :]
    take = lambda index: feats.gather(2, index[:, None, :].expand(-1, feats.shape[1], -1))
    return take(low) * (1 - part) + take(low + 1) * part
