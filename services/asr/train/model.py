"""The network: a causal convolutional CTC recogniser with a short look-ahead, and its streaming form.

Shapes: B utterances, T frames of 10 ms, U = T/4 steps of 40 ms, D channels, V tokens (0 is the blank).

Every block mixes time with a depthwise convolution that sees LEFT steps behind and, in some blocks, one step ahead. In streaming
the steps behind come from a cache; the steps ahead come with the chunk, which is why a chunk's window is longer than its shift and
why a token's time needs no correction.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .features import BINS


@dataclass(frozen=True)
class Shape:
    """The size of a model. ahead: for each block, how many steps it looks ahead."""

    tokens: int
    width: int = 192
    left: int = 8
    ahead: tuple[int, ...] = (0, 1, 1, 0, 1, 1, 0, 1, 1, 0)
    stem: int = 128
    chunk: int = 4  # steps a streaming call gives

    @property
    def window(self) -> int:
        """Frames a streaming call takes: its chunk, all look-ahead, and the stem's overlap."""
        return 4 * (self.chunk + sum(self.ahead)) + 3

    @property
    def shift(self) -> int:
        """Frames a streaming call moves on."""
        return 4 * self.chunk


class Linear(nn.Linear):
    """A linear layer that, while training, multiplies in bfloat16: twice as fast on processors that can."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return F.linear(x.bfloat16(), self.weight.bfloat16()).float() + self.bias


class Block(nn.Module):
    """Residual: norm, gated projection, depthwise convolution over time, projection."""

    def __init__(self, width: int, left: int, ahead: int) -> None:
        super().__init__()
        self.left, self.ahead = left, ahead
        self.norm = nn.LayerNorm(width)
        self.up = Linear(width, 2 * width)
        self.over_time = nn.Conv1d(width, width, left + 1 + ahead, groups=width)
        self.mid = nn.LayerNorm(width)
        self.down = Linear(width, width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, U, D), past (B, D, left). Returns (B, U - ahead, D) and what the convolution read, (B, D, left + U)."""
        a, gate = self.up(self.norm(x)).chunk(2, dim=-1)
        seen = torch.cat([past, (a * torch.sigmoid(gate)).transpose(1, 2)], dim=2)
        y = self.over_time(seen).transpose(1, 2)
        y = self.down(F.silu(self.mid(y)))
        return x[:, : x.shape[1] - self.ahead] + y, seen


class Recogniser(nn.Module):
    """Features (B, T, 80) to log-probabilities (B, U, V)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.full((BINS,), -7.0))
        self.register_buffer("scale", torch.full((BINS,), 0.25))
        self.stem1 = nn.Conv1d(BINS, shape.stem, 3, stride=2)
        self.stem2 = nn.Conv1d(shape.stem, shape.width, 3, stride=2)
        self.blocks = nn.ModuleList(Block(shape.width, shape.left, a) for a in shape.ahead)
        self.norm = nn.LayerNorm(shape.width)
        self.out = Linear(shape.width, shape.tokens)

    def stem(self, feats: Tensor) -> Tensor:
        """(B, T, 80) to (B, U, D): step u reads the frames 4u to 4u + 6."""
        x = ((feats.clamp(min=-15.0) - self.mean) * self.scale).transpose(1, 2)
        return F.relu(self.stem2(F.relu(self.stem1(x)))).transpose(1, 2)

    def forward(self, feats: Tensor) -> Tensor:
        """A whole utterance (B, T, 80); beyond its end lies silence for the look-ahead. Returns (B, T // 4, V)."""
        more = 4 * sum(self.shape.ahead) + 3
        steps = feats.shape[1] // 4
        x = self.stem(F.pad(feats[:, : 4 * steps], (0, 0, 0, more), value=-15.0))
        for block in self.blocks:
            x, _ = block(x, x.new_zeros(x.shape[0], x.shape[2], block.left))
        return F.log_softmax(self.out(self.norm(x)), dim=-1)

    def step(self, feats: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """One streaming call: feats (B, window, 80), cache (B, blocks, D, left), zeros at first. Returns (B, chunk, V) and the next cache."""
        x = self.stem(feats)
        chunk, left = self.shape.chunk, self.shape.left
        kept = []
        for i, block in enumerate(self.blocks):
            x, seen = block(x, cache[:, i])
            kept.append(seen[:, :, chunk : chunk + left])
        return F.log_softmax(self.out(self.norm(x)), dim=-1), torch.stack(kept, dim=1)
