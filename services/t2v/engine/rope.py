"""Rotary positions in time, height and width.

A head's pairs lie interleaved (0,1), (2,3), ...; the first turn with time, the next with the row, the last with the column.
The groups turn independently, so that a key can be kept with its place in the picture applied and its time still open.
"""

from __future__ import annotations

import torch
from torch import Tensor

Turn = tuple[Tensor, Tensor]  # cosine and sine, [tokens, pairs] in float32


class Rope:
    """Tables of one head size. Stateless after construction; one device."""

    def __init__(self, head_dim: int, positions: int = 1024, theta: float = 1e4, device: torch.device | str = "cpu"):
        side = 2 * (head_dim // 6)
        self.time_pairs = (head_dim - 2 * side) // 2
        self.side_pairs = side // 2
        self.positions = positions
        self._time = _table(positions, head_dim - 2 * side, theta, device)
        self._side = _table(positions, side, theta, device)

    def space(self, rows: int, columns: int) -> Turn:
        """What turns the spatial pairs of a frame, row by row, and leaves time alone: [rows * columns, pairs]."""
        self._check(max(rows, columns) - 1)
        out = []
        for table, still in zip(self._side, (1.0, 0.0)):
            row = table[:rows, None].expand(rows, columns, self.side_pairs)
            column = table[None, :columns].expand(rows, columns, self.side_pairs)
            time = torch.full((rows, columns, self.time_pairs), still, device=table.device)
            out.append(torch.cat([time, row, column], dim=-1).reshape(rows * columns, -1))
        return out[0], out[1]

    def time(self, positions: list[int]) -> Turn:
        """What turns the temporal pairs: [frames, time pairs]."""
        self._check(max(positions, default=0))
        at = torch.tensor(positions, device=self._time[0].device)
        return self._time[0][at], self._time[1][at]

    def turn(self, x: Tensor, turn: Turn) -> Tensor:
        """x [..., tokens, heads, pairs * 2] turned, in x's type."""
        cosine, sine = turn[0].unsqueeze(-2), turn[1].unsqueeze(-2)
        pairs = x.float().unflatten(-1, (-1, 2))
        even, odd = pairs.unbind(-1)
        return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(-2).to(x.dtype)

    def turn_time(self, x: Tensor, turn: Turn) -> Tensor:
        """x [..., frames, tokens, heads, time pairs * 2] turned by a turn for each frame."""
        frames = (turn[0][:, None], turn[1][:, None])
        return self.turn(x, frames)

    def _check(self, last: int) -> None:
        if last >= self.positions:
            raise IndexError(f"position {last} lies outside the {self.positions} of the rotary table")


def _table(positions: int, dim: int, theta: float, device: torch.device | str) -> Turn:
    """Cosines and sines [positions, dim / 2], computed in float64."""
    rate = 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float64) / max(dim, 1))
    angle = torch.outer(torch.arange(positions, dtype=torch.float64), rate)
    return angle.cos().float().to(device), angle.sin().float().to(device)
