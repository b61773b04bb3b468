"""Rotary positions in time, height and width.

A head's pairs lie interleaved (0,1), (2,3), ...; the first turn with time, the next with the row, the last with the column.
The groups turn independently, so that a key can be kept with its place in the picture applied and its time still open.
"""

from __future__ import annotations

import functools
from typing import Callable

import torch
from torch import Tensor

_known = 32  # turns of whole chunks that are kept: a stream in its stride asks for one and the same


class Rope:
    """Tables of one head size on one device. Asking never waits for the device. A turn is complex, a number a pair."""

    def __init__(self, head_dim: int, positions: int = 1024, theta: float = 1e4, device: torch.device | str = "cpu"):
        side = 2 * (head_dim // 6)
        self.time_pairs = (head_dim - 2 * side) // 2
        self.side_pairs = side // 2
        self.positions = positions
        self._time = _table(positions, head_dim - 2 * side, theta, device)
        self._side = _table(positions, side, theta, device)
        self.chunk = functools.lru_cache(_known)(self._chunk)
        self._apart: Callable[[Tensor, Tensor], Tensor] | None = None

    def fuse(self) -> None:
        """Has turn compiled into one pass."""
        self._apart = torch.compile(_apart)

    def time(self, positions: list[int]) -> Tensor:
        """What turns the temporal pairs: [frames, time pairs]."""
        self._check(max(positions, default=0))
        return torch.stack([self._time[p] for p in positions])

    def _chunk(self, positions: tuple[int, ...], rows: int, columns: int) -> Tensor:
        """What turns every pair of frames at positions, row by row: [frames * rows * columns, pairs]."""
        self._check(max(*positions, rows - 1, columns - 1))
        shape = (len(positions), rows, columns)
        time = self.time(list(positions))[:, None, None].expand(*shape, self.time_pairs)
        row = self._side[None, :rows, None].expand(*shape, self.side_pairs)
        column = self._side[None, None, :columns].expand(*shape, self.side_pairs)
        return torch.cat([time, row, column], dim=-1).flatten(0, 2)

    def turn(self, x: Tensor, turn: Tensor) -> Tensor:
        """x [..., tokens, heads, pairs * 2] turned, in x's type; turn [..., tokens, pairs]."""
        if self._apart is not None:
            return self._apart(x, torch.view_as_real(turn.unsqueeze(-2)))
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * turn.unsqueeze(-2)).flatten(-2).to(x.dtype)

    def turn_time(self, x: Tensor, turn: Tensor) -> Tensor:
        """x [..., frames, tokens, heads, time pairs * 2] turned by a turn for each frame."""
        return self.turn(x, turn[:, None])

    def _check(self, last: int) -> None:
        if last >= self.positions:
            raise IndexError(f"position {last} lies outside the {self.positions} of the rotary table")


def _apart(x: Tensor, turn: Tensor) -> Tensor:
    """Without complex numbers, which compilers do not fuse; turn [..., tokens, 1, pairs, 2]."""
    (even, odd), (cosine, sine) = (t.unbind(-1) for t in (x.float().unflatten(-1, (-1, 2)), turn))
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(-2).to(x.dtype)


def _table(positions: int, dim: int, theta: float, device: torch.device | str) -> Tensor:
    """[positions, dim / 2], computed in float64."""
    rate = 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float64) / max(dim, 1))
    angle = torch.outer(torch.arange(positions, dtype=torch.float64), rate)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64).to(device)
