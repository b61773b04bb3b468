"""Momentum made orthogonal for matrices, Adam for the rest: a small model on one core has few steps to learn in."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Optimiser:
    """lr is of Adam; matrices move by ten times that, whatever their gradient's size."""

    def __init__(self, named: list[tuple[str, nn.Parameter]], momentum: float = 0.95, ratio: float = 10.0):
        matrix = [
            p for name, p in named if p.dim() >= 2 and min(p.shape[0], p[0].numel()) > 8 and "embedding" not in name
        ]
        chosen = {id(p) for p in matrix}
        self._matrices = [(p, torch.zeros_like(p)) for p in matrix]
        self._adam = torch.optim.Adam([p for _, p in named if id(p) not in chosen], betas=(0.9, 0.98))
        self._all = [p for _, p in named]
        self._momentum, self._ratio = momentum, ratio

    def step(self, loss: Tensor, lr: float) -> None:
        for p in self._all:
            p.grad = None
        loss.backward()
        for group in self._adam.param_groups:
            group["lr"] = lr
        self._adam.step()
        with torch.no_grad():
            for p, kept in self._matrices:
                if p.grad is None:
                    continue
                kept.lerp_(p.grad, 1 - self._momentum)
                way = orthogonal(p.grad.lerp(kept, self._momentum).flatten(1)).view_as(p)
                p.add_(way, alpha=-lr * self._ratio * max(1, p.shape[0] / p[0].numel()) ** 0.5)


def orthogonal(m: Tensor) -> Tensor:
    """Nearly the closest matrix with singular values of one, by five Newton-Schulz steps."""
    tall = m.shape[0] > m.shape[1]
    x = m.T if tall else m
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x
