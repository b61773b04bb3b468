"""Trains the tiny autoencoder."""

from __future__ import annotations

import random
import time
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import VaeConfig
from ..vae import Vae, unfold
from .optim import Optimiser
from .shapes import GROUND, RADIUS, SIZE, any_scene, draw

CONFIG = VaeConfig("2.2", base=32, decoder_base=32, mult=(1, 1, 1), blocks=1, z=32, patch=4, temporal=(True, True))
EDGES = 8.0  # how much more than the rest they count


def clip(choose: random.Random, frames: int) -> Tensor:
    """One shape anywhere, of any brightness, which may change in the middle: [3, frames, SIZE, SIZE]."""
    scene = any_scene(choose)
    scenes = [scene] * frames
    if choose.random() < 0.4:
        at = choose.randrange(1, frames)
        scenes = scenes[:at] + [scene.changed(choose)] * (frames - at)
    x, y = choose.uniform(0, SIZE), choose.uniform(0, SIZE)
    video = draw(scenes, x, y, RADIUS * choose.uniform(0.85, 1.15))
    if choose.random() < 0.15:  # a colour between two, so that what is restyled is seen, too
        other = draw([any_scene(choose)] * frames, x, y)
        video = torch.lerp(video, other, choose.random())
    return video


def train(seconds: float, log: Callable[[str], None], batch: int = 3, frames: int = 9) -> Vae:
    """For seconds of processor time."""
    torch.manual_seed(0)
    choose = random.Random(0)
    vae = Vae(CONFIG)
    vae.decoder.head[2].bias.data.copy_(torch.tensor(GROUND).repeat_interleave(CONFIG.patch**2) * 2 - 1)
    optimiser = Optimiser(list(vae.named_parameters()))
    began, step = time.process_time(), 0
    while (gone := (time.process_time() - began) / seconds) < 1:
        x = torch.stack([clip(choose, frames) for _ in range(batch)])
        z = vae.encode(x, {})
        error = _decoded(vae, z + 0.03 * torch.randn_like(z)) - x
        loss = _loss(error, x) + 1e-3 * (z.abs() - 3).clamp(min=0).pow(2).mean()
        optimiser.step(loss, 3e-3 * min(1, (step + 1) / 10) * (0.02 + 0.98 * (1 - gone)))
        step += 1
        if step % 20 == 0:
            log(f"vae {step} {time.process_time() - began:.0f} s squared error {error.pow(2).mean().item():.5f}")
    return vae


def sharpen(vae: Vae, seconds: float, log: Callable[[str], None], batch: int = 3, frames: int = 9) -> None:
    """Trains the decoder on, for seconds of processor time; what is encoded stays as the transformer learned it."""
    choose = random.Random(3)
    named = [(n, p) for n, p in vae.named_parameters() if n.startswith(("decoder.", "conv2."))]
    optimiser = Optimiser(named)
    began, step = time.process_time(), 0
    while (gone := (time.process_time() - began) / seconds) < 1:
        x = torch.stack([clip(choose, frames) for _ in range(batch)])
        with torch.no_grad():
            z = vae.encode(x, {})
            z = z + 0.15 * torch.rand(batch, 1, 1, 1, 1) * torch.randn_like(z)
        error = _decoded(vae, z) - x
        optimiser.step(_loss(error, x), 2e-3 * min(1, (step + 1) / 10) * (0.02 + 0.98 * (1 - gone)))
        step += 1
        if step % 20 == 0:
            log(f"decoder {step} {time.process_time() - began:.0f} s squared error {error.pow(2).mean().item():.5f}")


def _loss(error: Tensor, x: Tensor) -> Tensor:
    """Most of a picture is ground, and what tells a square from a circle are its corners: what lies near an edge counts most."""
    weight = 1 + EDGES * _edges(x)
    return (weight * (error.abs() + 4 * error.pow(2))).sum() / (3 * weight.sum())


def _edges(x: Tensor) -> Tensor:
    """How near an edge of x [B, 3, T, H, W] a pixel lies, from 0 to 1: [B, 1, T, H, W]."""
    down = F.pad(x.diff(dim=3).abs().amax(1, keepdim=True), (0, 0, 0, 1))
    across = F.pad(x.diff(dim=4).abs().amax(1, keepdim=True), (0, 1))
    return F.max_pool3d(torch.maximum(down, across), (1, 7, 7), 1, (0, 3, 3)).clamp(max=1)


def _decoded(vae: Vae, z: Tensor) -> Tensor:
    """Decoded without the clamp, which has no gradient."""
    return unfold(vae.decoder(vae.conv2(z, {}), {}), vae.config.patch)
