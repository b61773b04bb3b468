"""How strongly a chunk of a live picture is noised before it is restyled: what moves bears less, or it smears."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Motion:
    """Of one session (StreamDiffusionV2, arXiv 2511.07399): levels glide, so that a jerk is no flicker."""

    most: float = 0.8
    span: float = 0.1  # from what stands still to what moves wildly
    full: float = 0.2  # RMS difference of pixels in -1 to 1 that counts as wild
    window: int = 4  # frames
    glide: float = 0.9  # weight of the new level
    last: Tensor | None = None  # frame before the chunk
    level: float | None = None

    def strength(self, frames: Tensor) -> float:
        """The noise level, 0 to 1, for frames [T, 3, H, W] that follow those of the call before."""
        before = frames[:1] if self.last is None else self.last
        apart = torch.cat([before, frames]).diff(dim=0).pow(2).mean((1, 2, 3)).sqrt()
        self.last = frames[-1:].clone()
        moved = min(1.0, float(apart[-self.window :].max()) / self.full)
        level = self.most - self.span * moved
        self.level = level if self.level is None else self.glide * level + (1 - self.glide) * self.level
        return self.level
