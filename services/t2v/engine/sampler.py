"""Samplers of flow matching: x at noise level s is (1-s) * clean + s * noise, and the model tells noise - clean.

A sampler is a plan of timesteps and one step that takes the model's answer. What it remembers between steps lies in a
State of the session, so that a sampler can serve many sessions and be stopped between two forwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import Tensor


@dataclass
class State:
    """Of one chunk in hand."""

    x: Tensor
    step: int = 0
    clean: list[Tensor] = field(default_factory=list)  # earlier answers, newest last
    last: Tensor | None = None  # x before the newest of them
    order: int = 0  # of the step that made x


class Sampler:
    """timesteps[i] is asked of the model at step i; sigmas has one more, the last of which is 0."""

    def __init__(self, sigmas: list[float], timesteps: list[float]):
        self.sigmas, self.timesteps = sigmas, timesteps

    def __len__(self) -> int:
        return len(self.timesteps)

    def advance(self, state: State, velocity: Tensor, noise: Callable[[int], Tensor]) -> None:
        """One step; noise gives fresh noise for the step that follows. At the end state.x is clean."""
        raise NotImplementedError


class Euler(Sampler):
    def advance(self, state: State, velocity: Tensor, noise: Callable[[int], Tensor]) -> None:
        state.x = state.x + (self.sigmas[state.step + 1] - self.sigmas[state.step]) * velocity
        state.step += 1


class FewStep(Sampler):
    """The form distilled models are trained in: a guess of the clean, noised anew for the next step."""

    def advance(self, state: State, velocity: Tensor, noise: Callable[[int], Tensor]) -> None:
        clean = state.x - self.sigmas[state.step] * velocity
        state.step += 1
        s = self.sigmas[state.step]
        state.x = clean if s == 0 else (1 - s) * clean + s * noise(state.step)


class UniPC(Sampler):
    """Second order with the corrector, B(h) = e^h - 1, on guesses of the clean (arXiv 2302.04867)."""

    def advance(self, state: State, velocity: Tensor, noise: Callable[[int], Tensor]) -> None:
        i = state.step
        clean = state.x - self.sigmas[i] * velocity
        if i > 0 and state.last is not None:
            state.x = self._correct(i, state, clean)
        state.clean = [*state.clean[-1:], clean]
        state.order = min(2, len(self.timesteps) - i, i + 1)
        state.last = state.x
        state.x = self._predict(i, state)
        state.step += 1

    def _predict(self, i: int, state: State) -> Tensor:
        h, now, then = self._span(i, i + 1)
        m0 = state.clean[-1]
        b = math.expm1(-h)
        x = then / now * state.last - (1 - then) * b * m0
        if state.order == 2:
            ratio = self._span(i, i - 1)[0] / h
            x = x - (1 - then) * b * 0.5 * (state.clean[-2] - m0) / ratio
        return x

    def _correct(self, i: int, state: State, clean: Tensor) -> Tensor:
        h, now, then = self._span(i - 1, i)
        m0 = state.clean[-1]
        b = math.expm1(-h)
        x = then / now * state.last - (1 - then) * b * m0
        if state.order == 1:
            return x - (1 - then) * b * 0.5 * (clean - m0)
        ratio = self._span(i - 1, i - 2)[0] / h
        # rho solves [[1, 1], [ratio, 1]] rho = (phi_2, 2 phi_3) / B
        phi = b / -h - 1
        b1, b2 = phi / b, 2 * (phi / -h - 0.5) / b
        first = (b1 - b2) / (1 - ratio)
        second = b1 - first
        return x - (1 - then) * b * (first * (state.clean[-2] - m0) / ratio + second * (clean - m0))

    def _span(self, a: int, b: int) -> tuple[float, float, float]:
        """From noise level a to b: the difference of the log signal-to-noise ratio, and the two levels."""
        now, then = self.sigmas[a], self.sigmas[b]
        return _snr(then) - _snr(now), now, then


def _snr(sigma: float) -> float:
    return math.inf if sigma == 0 else math.log((1 - sigma) / sigma)


def shifted(sigma: float, shift: float) -> float:
    return shift * sigma / (1 + (shift - 1) * sigma)


def schedule(kind: str, steps: int, shift: float) -> Sampler:
    """Of a model without steps of its own. Euler asks at the exact noise level, UniPC at whole timesteps, as published."""
    if kind == "unipc":
        sigmas = [shifted(0.999 * (1 - i / steps), shift) for i in range(steps)]
        return UniPC([*sigmas, 0.0], [float(int(1000 * s)) for s in sigmas])
    sigmas = [shifted(1 - i / steps, shift) for i in range(steps)]
    return Euler([*sigmas, 0.0], [1000 * s for s in sigmas])


def few(steps: tuple[float, ...], shift: float, count: int = 0) -> Sampler:
    """The model's own steps, 0 to 1000 before the shift; of a smaller count those that lie evenly among them."""
    if 0 < count < len(steps):
        steps = tuple(steps[i * len(steps) // count] for i in range(count))
    sigmas = [shifted(t / 1000, shift) for t in steps]
    return FewStep([*sigmas, 0.0], [1000 * s for s in sigmas])


def restyling(sampler: FewStep, strength: float) -> FewStep:
    """The end of sampler that begins at noise level strength: video to video."""
    tail = [s for s in sampler.sigmas if 0 < s < strength]
    sigmas = [strength, *tail]
    return FewStep([*sigmas, 0.0], [1000 * s for s in sigmas])


def seeded(shape: tuple[int, ...], seed: int, chunk: int, step: int) -> Tensor:
    """Normal noise that depends on nothing but its key: neither on the device, it is drawn on the host, nor on what was before."""
    key = _mix(seed & (2**64 - 1), chunk * 4096 + step)
    generator = torch.Generator().manual_seed(key & (2**63 - 1))
    return torch.randn(shape, generator=generator)


def _mix(seed: int, counter: int) -> int:
    """SplitMix64 of both: neighbouring keys give unrelated seeds."""
    z = (seed + 0x9E3779B97F4A7C15 * (counter + 1)) & (2**64 - 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) & (2**64 - 1)
    return z ^ (z >> 31)
