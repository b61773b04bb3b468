"""Trains the tiny transformer and its text encoder together, as the streaming engine runs them.

Each row of a batch is a piece of a clip twice over: its chunks but the last clean, as the cache keeps them, and all its
chunks noised. A noised chunk sees the clean ones before it and itself; a clean one sees the clean ones up to itself. So one
forward teaches every chunk what the cache of a stream will show it.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Callable

import torch
from torch import Tensor

from ..config import DitConfig, ModelConfig, StreamConfig, TextConfig
from ..dit import Attending, Dit
from ..sampler import shifted
from ..text import Encoder, Tokenizer
from ..vae import Vae
from . import vae as autoencoder
from .optim import Optimiser
from .shapes import RADIUS, SIZE, Scene, any_scene, draw

CHUNK, WINDOW = 3, 3
CONFIG = ModelConfig(
    "tiny",
    DitConfig(5, 128, 4, 384, channels=32, patch=(1, 1, 1), freq_dim=64, text_dim=64, text_len=32),
    vae=autoencoder.CONFIG,
    text=TextConfig(1, 64, 4, 64, 128, 380, max_len=32),
    stream=StreamConfig(CHUNK, WINDOW, steps=(1000.0, 750.0, 500.0, 250.0)),
    shift=2.0,
    guidance=(1.0,),
    sizes=((SIZE, SIZE),),
)
FRAMES = CHUNK + WINDOW


class Teaching(Attending):
    """Attention among a row's clean chunks and its noised ones, [clean | noised] in time."""

    def __init__(self, model: Dit, grid: tuple[int, int, int], keys: list[tuple[Tensor, Tensor]]):
        clean, frames = grid[0] - CHUNK, grid[0]
        super().__init__(model.rope(), (clean + frames, *grid[1:]), [])
        self.turn = self.rope.chunk((*range(clean), *range(frames)), *grid[1:])
        self.keys, self.chunks = keys, frames // CHUNK
        self.chunk = torch.tensor([*range(clean), *range(frames)]) // CHUNK
        noised = torch.tensor([False] * clean + [True] * frames)
        earlier = self.chunk[None, :] < self.chunk[:, None]
        same = (self.chunk[None, :] == self.chunk[:, None]) & (noised[None, :] == noised[:, None])
        sees = ((earlier & ~noised[None, :]) | same).repeat_interleave(grid[1] * grid[2], 0)
        sees = sees.repeat_interleave(grid[1] * grid[2], 1)
        self.hidden = torch.zeros(sees.shape).masked_fill(~sees, float("-inf"))

    def frames(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = (self.rope.turn(x, self.turn) for x in (q, k))
        return _plain(q, k, v, self.hidden)

    def text(self, q: Tensor) -> Tensor:
        """Every chunk has a prompt of its own: keys [B * chunks, text_len, heads, head_dim]."""
        b, length = q.shape[:2]
        whose = self.chunk[::CHUNK]
        k, v = (x.unflatten(0, (b, self.chunks))[:, whose].flatten(0, 1) for x in self.keys[self.layer])
        rows = q.unflatten(1, (len(whose), -1)).flatten(0, 1)
        return _plain(rows, k, v).reshape(b, length, *q.shape[2:])


def _plain(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | float = 0.0) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + hidden
    return (scores.softmax(-1) @ v).transpose(1, 2)


class Clips:
    """Encoded clips of one or two scenes each, and the prompts of their chunks."""

    def __init__(self, vae: Vae, count: int, chunks: int, choose: random.Random):
        self.latents: list[Tensor] = []
        self.scenes: list[list[Scene]] = []
        stride = vae.config.time_stride
        with torch.no_grad():
            for _ in range(count):
                scene = any_scene(choose)
                scenes = [scene] * chunks
                if choose.random() < 0.6:
                    at = choose.randrange(1, chunks)
                    scenes[at:] = [scene.changed(choose)] * (chunks - at)
                frames = [
                    s for i, s in enumerate(scenes) for _ in range(CHUNK * stride - (stride - 1 if i == 0 else 0))
                ]
                x, y = SIZE / 2 + choose.uniform(-2, 2), SIZE / 2 + choose.uniform(-2, 2)
                video = draw(frames, x, y, RADIUS * choose.uniform(0.95, 1.05))
                self.latents.append(vae.encode(video[None], {})[0])
                self.scenes.append(scenes)

    def normalise(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The latents to mean 0 and deviation 1 a channel; what they were."""
        everything = torch.stack(self.latents)
        mean, std = everything.mean((0, 2, 3, 4)), everything.std((0, 2, 3, 4)).clamp(min=1e-3)
        self.latents = [(z - mean[:, None, None, None]) / std[:, None, None, None] for z in self.latents]
        return tuple(round(m, 5) for m in mean.tolist()), tuple(round(s, 5) for s in std.tolist())

    def piece(self, choose: random.Random) -> tuple[Tensor, list[str], bool]:
        """FRAMES latent frames of a clip; their prompts; whether they are its beginning."""
        i = choose.randrange(len(self.latents))
        first = 0 if choose.random() < 0.4 else choose.randrange(len(self.scenes[i]) - FRAMES // CHUNK + 1)
        z = self.latents[i][:, first * CHUNK : first * CHUNK + FRAMES]
        return z, [s.prompt(choose) for s in self.scenes[i][first : first + FRAMES // CHUNK]], first == 0


def levels(shape: tuple[int, ...], steps: list[float]) -> Tensor:
    """Noise levels: mostly those the sampler asks for, some anywhere."""
    anywhere = torch.rand(shape).apply_(lambda u: shifted(u, CONFIG.shift))
    fixed = torch.tensor(steps)[torch.randint(len(steps), shape)]
    return torch.where(torch.rand(shape) < 0.75, fixed, anywhere)


Saved = Callable[[dict[str, Tensor], dict[str, Tensor], ModelConfig], None]


def train(
    vae: Vae,
    tokenizer: Tokenizer,
    seconds: float,
    log: Callable[[str], None],
    save: Saved,
    start: dict[str, Tensor] | None = None,
    batch: int = 16,
) -> None:
    """For seconds of processor time; gives the transformer, the text encoder and their configuration to save, now and then.
    start: weights to go on from, by "dit." and "text."; the rate then begins at half."""
    torch.manual_seed(1)
    choose = random.Random(2)
    clips = Clips(vae, 240, 5, choose)
    mean, std = clips.normalise()
    log(f"{len(clips.latents)} clips, deviation of their latents {min(std):.3f} to {max(std):.3f}")
    config = replace(CONFIG, vae=replace(CONFIG.vae, mean=mean, std=std))
    dit, text = Dit(CONFIG.dit), Encoder(CONFIG.text)
    torch.nn.init.zeros_(dit.head.head.weight)
    for block in text.blocks:
        torch.nn.init.normal_(block.pos_embedding.embedding.weight, std=0.1)
    if start is not None:
        dit.load_state_dict(_part(start, "dit."))
        text.load_state_dict(_part(start, "text."))
    named = [*dit.named_parameters(prefix="dit"), *text.named_parameters(prefix="text")]
    averaged = {name: p.detach().clone() for name, p in named}
    optimiser = Optimiser(named)
    steps = [shifted(t / 1000, CONFIG.shift) for t in CONFIG.stream.steps]
    began, step, running = time.process_time(), 0, 1.0
    while (gone := (time.process_time() - began) / seconds) < 1:
        loss = _loss(dit, text, tokenizer, clips, choose, steps, batch)
        optimiser.step(loss, (2e-3 if start is None else 1.2e-3) * min(1, (step + 1) / 30) * (0.02 + 0.98 * (1 - gone)))
        step += 1
        with torch.no_grad():
            for name, p in named:
                averaged[name].lerp_(p, max(0.02, 10 / (step + 10)))
        running = 0.95 * running + 0.05 * loss.item()
        if step % 25 == 0:
            log(f"dit {step} {time.process_time() - began:.0f} s loss {running:.4f}")
        if step % 100 == 0:
            save(_part(averaged, "dit."), _part(averaged, "text."), config)
    save(_part(averaged, "dit."), _part(averaged, "text."), config)


def _part(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: p for name, p in named.items() if name.startswith(prefix)}


def _loss(
    dit: Dit, text: Encoder, tokenizer: Tokenizer, clips: Clips, choose: random.Random, steps: list[float], batch: int
) -> Tensor:
    pieces = [clips.piece(choose) for _ in range(batch)]
    clean = torch.stack([z for z, _, _ in pieces])
    chunks = FRAMES // CHUNK
    level = levels((batch, chunks), steps).repeat_interleave(CHUNK, 1)[:, None, :, None, None]
    noise = torch.randn_like(clean)
    noised = (1 - level) * clean + level * noise
    kept = clean[:, :, :-CHUNK]
    kept = kept + torch.rand(batch, 1, 1, 1, 1) * 0.2 * torch.randn_like(
        kept
    )  # what a stream keeps is never quite right
    x, grid = dit.embed(torch.cat([kept, noised], dim=2))
    t = torch.cat([torch.zeros(batch, FRAMES - CHUNK), level[:, 0, :, 0, 0] * 1000], dim=1)
    e, e0 = dit.time(t)
    context = dit.text_embedding(embeddings(text, tokenizer, [p for _, prompts, _ in pieces for p in prompts]))
    keys = [block.cross_attn.keys(context) for block in dit.blocks]
    h = dit.run(x, e0, Teaching(dit, (FRAMES, *grid[1:]), keys))
    velocity = dit.unpatch(dit.head(h, e), grid)[:, :, FRAMES - CHUNK :]
    error = (velocity - (noise - clean)).pow(2).mean((1, 3, 4))
    first = torch.tensor([begins for _, _, begins in pieces]).float()[:, None]
    weight = torch.ones_like(error)
    weight[:, :CHUNK] = first  # a piece from the middle of a clip has no past to tell its first chunk
    return (error * weight).sum() / weight.sum()


def embeddings(text: Encoder, tokenizer: Tokenizer, prompts: list[str]) -> Tensor:
    """[prompts, text_len, text_dim], zero-padded."""
    known = sorted(set(prompts))
    ids = [tokenizer.ids(p, CONFIG.text.max_len) for p in known]
    padded = torch.tensor([i + [0] * (CONFIG.dit.text_len - len(i)) for i in ids])
    padding = torch.tensor([[False] * len(i) + [True] * (CONFIG.dit.text_len - len(i)) for i in ids])
    out = text(padded, padding) * ~padding[..., None]
    return out[torch.tensor([known.index(p) for p in prompts])]
