"""The diffusion transformer of the Wan family, bidirectional and causal. Parameters are named as in the native checkpoint.

The model holds no state of a session: keys and values lie in kv.Cache, text in Prompt. Rows of a batch belong to different
sessions, or to the prompt and the negative prompt of one; every layer but self-attention runs over the whole batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attn import attend
from .config import DitConfig
from .kv import Cache, Slots
from .rope import Rope

# These stay in float32 whatever the weights' type: they are small, and their errors are not.
FULL = ("time_embedding.", "time_projection.", "modulation", "norm3.", "norm_q.", "norm_k.")


@dataclass(frozen=True)
class Prompt:
    """A prompt's cross-attention keys and values, a pair [text_len, heads, head_dim] for each layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for pair in self.layers for t in pair)


def modulated(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    """Layer norm without weights, scaled and shifted for each of G groups of tokens; x [B, L, dim], scale [B, G, dim]."""
    groups = F.layer_norm(x.float(), x.shape[-1:], eps=eps).unflatten(1, (scale.shape[1], -1))
    return (groups * (1 + scale[:, :, None]) + shift[:, :, None]).flatten(1, 2)


def gated(x: Tensor, y: Tensor, gate: Tensor) -> Tensor:
    """x + y, y gated for each group of tokens."""
    return x + (y.float().unflatten(1, (gate.shape[1], -1)) * gate[:, :, None]).flatten(1, 2)


def rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


class Ops(NamedTuple):
    """What lies between the products, element by element: memory is read and written for each, unless a compiler fuses them."""

    modulated: Callable[..., Tensor] = modulated
    gated: Callable[..., Tensor] = gated
    rms: Callable[..., Tensor] = rms


class Norm(nn.Module):
    """Root mean square norm over all heads at once."""

    ops = Ops()

    def __init__(self, dim: int, eps: float, device: torch.device | str | None = None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim, device=device))

    def forward(self, x: Tensor) -> Tensor:
        return self.ops.rms(x, self.weight, self.eps)


class Attention(nn.Module):
    """The projections of self- and cross-attention."""

    def __init__(self, c: DitConfig, device: torch.device | str | None = None):
        super().__init__()
        self.heads = c.heads
        self.q = nn.Linear(c.dim, c.dim, device=device)
        self.k = nn.Linear(c.dim, c.dim, device=device)
        self.v = nn.Linear(c.dim, c.dim, device=device)
        self.o = nn.Linear(c.dim, c.dim, device=device)
        self.norm_q = Norm(c.dim, c.eps, device)
        self.norm_k = Norm(c.dim, c.eps, device)

    def query(self, x: Tensor) -> Tensor:
        """[B, L, dim] as [B, L, heads, head_dim]"""
        return self.norm_q(self.q(x)).unflatten(-1, (self.heads, -1))

    def keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        k, v = self.norm_k(self.k(x)), self.v(x)
        return k.unflatten(-1, (self.heads, -1)), v.unflatten(-1, (self.heads, -1))


class Block(nn.Module):
    ops = Ops()

    def __init__(self, c: DitConfig, device: torch.device | str | None = None):
        super().__init__()
        self.eps = c.eps
        self.modulation = nn.Parameter(torch.randn(1, 6, c.dim, device=device) / c.dim**0.5)
        self.norm3 = nn.LayerNorm(c.dim, c.eps, device=device)
        self.self_attn = Attention(c, device)
        self.cross_attn = Attention(c, device)
        self.ffn = nn.Sequential(
            nn.Linear(c.dim, c.ffn, device=device), nn.GELU(approximate="tanh"), nn.Linear(c.ffn, c.dim, device=device)
        )

    def forward(self, x: Tensor, e: Tensor, attention: "Attending") -> Tensor:
        """x [B, L, dim] float32, e [B, G, 6, dim] where G divides L."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.modulation + e).unbind(2)
        dtype = self.ffn[0].weight.dtype
        y = self.ops.modulated(x, scale1, shift1, self.eps).to(dtype)
        k, v = self.self_attn.keys(y)
        y = self.self_attn.o(attention.frames(self.self_attn.query(y), k, v).flatten(2))
        x = self.ops.gated(x, y, gate1)
        y = attention.text(self.cross_attn.query(self.norm3(x).to(dtype)))
        x = x + self.cross_attn.o(y.flatten(2))
        return self.ops.gated(x, self.ffn(self.ops.modulated(x, scale2, shift2, self.eps).to(dtype)), gate2)


class Head(nn.Module):
    def __init__(self, c: DitConfig, device: torch.device | str | None = None):
        super().__init__()
        self.eps = c.eps
        self.head = nn.Linear(c.dim, math.prod(c.patch) * c.channels, device=device)
        self.modulation = nn.Parameter(torch.randn(1, 2, c.dim, device=device) / c.dim**0.5)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        shift, scale = (self.modulation + e[:, :, None]).unbind(2)
        return self.head(modulated(x, scale, shift, self.eps).to(self.head.weight.dtype)).float()


class Attending:
    """What the rows of one forward look at: in self-attention the whole clip, or each row its own cache; and its prompt."""

    def __init__(
        self,
        rope: Rope,
        grid: tuple[int, int, int],
        prompts: list[Prompt],
        caches: list[Cache] | None = None,
        commit: bool = False,
    ):
        self.rope, self.grid, self.prompts, self.caches, self.commit = rope, grid, prompts, caches, commit
        self.layer = 0  # counted from the first that prompts and caches hold
        if caches is None:
            self.turn = rope.chunk(tuple(range(grid[0])), *grid[1:])
        else:
            turns = [rope.chunk(c.at, *grid[1:]) for c in caches]
            self.turn = turns[0] if all(t is turns[0] for t in turns) else torch.stack(turns)

    def frames(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Self-attention, [B, L, heads, head_dim] each."""
        raw = k if self.commit else None
        q, k = self.rope.turn(q, self.turn), self.rope.turn(k, self.turn)
        if self.caches is None:
            return attend(q, k, v)
        rows = [
            c.attend(self.layer, q[i], k[i], v[i], None if raw is None else raw[i]) for i, c in enumerate(self.caches)
        ]
        return _together(rows)

    def text(self, q: Tensor) -> Tensor:
        """Cross-attention of each row to its prompt."""
        pairs = [p.layers[self.layer] for p in self.prompts]
        return _together([attend(q[i : i + 1], k[None], v[None])[0] for i, (k, v) in enumerate(pairs)])


def _together(rows: list[Tensor]) -> Tensor:
    """Rows as a batch; one alone is not copied."""
    return rows[0][None] if len(rows) == 1 else torch.stack(rows)


class Dit(nn.Module):
    def __init__(self, config: DitConfig, device: torch.device | str | None = None):
        super().__init__()
        c = self.config = config
        self.patch_embedding = nn.Conv3d(c.channels, c.dim, c.patch, stride=c.patch, device=device)
        self.text_embedding = nn.Sequential(
            nn.Linear(c.text_dim, c.dim, device=device),
            nn.GELU(approximate="tanh"),
            nn.Linear(c.dim, c.dim, device=device),
        )
        self.time_embedding = nn.Sequential(
            nn.Linear(c.freq_dim, c.dim, device=device), nn.SiLU(), nn.Linear(c.dim, c.dim, device=device)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(c.dim, c.dim * 6, device=device))
        self.blocks = nn.ModuleList(Block(c, device) for _ in range(c.layers))
        self.head = Head(c, device)
        self.span = (0, c.layers)  # the blocks that are run here: all, or a pipeline rank's
        self._ropes: dict[torch.device, Rope] = {}

    @property
    def dtype(self) -> torch.dtype:
        return self.patch_embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.patch_embedding.weight.device

    def rope(self) -> Rope:
        if self.device not in self._ropes:
            self._ropes[self.device] = Rope(self.config.head_dim, self.config.positions, device=self.device)
        return self._ropes[self.device]

    def compute_in(self, dtype: torch.dtype) -> "Dit":
        """Self, its weights in dtype except for those of FULL."""
        for name, parameter in self.named_parameters():
            parameter.data = parameter.data.to(torch.float32 if any(part in name for part in FULL) else dtype)
        return self

    def fuse(self) -> "Dit":
        """Self, its elementwise parts compiled, which takes until they have run once for a shape. Needs PyTorch 2."""
        ops = Ops(*(torch.compile(op) for op in Ops()))
        for part in self.modules():
            if hasattr(part, "ops"):
                part.ops = ops
        self.rope().fuse()
        return self

    def cache(self, tokens: int, slots: Slots, threshold: float = 0.0) -> Cache:
        """An empty one, for a picture of so many tokens."""
        c, layers = self.config, self.span[1] - self.span[0]
        return Cache(self.rope(), layers, tokens, c.heads, c.head_dim, slots, threshold, self.dtype, self.device)

    def prompt(self, embedding: Tensor) -> Prompt:
        """embedding [1, text_len, text_dim], zero-padded. All of it attends: the family is trained without a mask."""
        context = self.text_embedding(embedding.to(self.dtype))
        pairs = (block.cross_attn.keys(context) for block in self.blocks[slice(*self.span)])
        return Prompt(tuple((k[0], v[0]) for k, v in pairs))

    def forward(
        self, x: Tensor, t: Tensor, prompts: list[Prompt], caches: list[Cache] | None = None, commit: bool = False
    ) -> Tensor:
        """The velocity, noise - clean. x [B, C, F, H, W]; t [B, G] from 0 to 1000, where G divides the tokens: one for
        all, one a frame, or one a token. With caches the frames are the next chunk of each row."""
        h, grid = self.embed(x)
        e, e0 = self.time(t)
        h = self.run(h, e0, Attending(self.rope(), grid, prompts, caches, commit))
        return self.unpatch(self.head(h, e), grid)

    def embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
        """Tokens [B, L, dim] in float32, frame by frame, row by row; and frames, rows, columns."""
        h = self.patch_embedding(x.to(self.dtype))
        frames, rows, columns = h.shape[2:]
        return h.flatten(2).transpose(1, 2).float(), (frames, rows, columns)

    def time(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """t [B, G]: its embedding [B, G, dim] and the blocks' modulation [B, G, 6, dim], both float32."""
        half = self.config.freq_dim // 2
        rate = 1e4 ** (-torch.arange(half, dtype=torch.float64, device=t.device) / half)
        angle = t.double()[..., None] * rate
        e = self.time_embedding(torch.cat([angle.cos(), angle.sin()], dim=-1).float())
        return e, self.time_projection(e).unflatten(-1, (6, -1))

    def run(self, h: Tensor, e0: Tensor, attention: Attending) -> Tensor:
        """The blocks of span."""
        for layer, block in enumerate(self.blocks[slice(*self.span)]):
            attention.layer = layer
            h = block(h, e0, attention)
        return h

    def unpatch(self, h: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """[B, L, patch * C] as [B, C, F, H, W]; within a token channels vary fastest."""
        (f, r, c), (pt, ph, pw) = grid, self.config.patch
        x = h.reshape(h.shape[0], f, r, c, pt, ph, pw, self.config.channels)
        x = x.permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.reshape(h.shape[0], self.config.channels, f * pt, r * ph, c * pw)

    def session_bytes(self, tokens: int, frames: int) -> int:
        """What a session of one prompt takes on the device: the prompt, and a cache of frames."""
        c, layers = self.config, self.span[1] - self.span[0]
        size = torch.finfo(self.dtype).bits // 8
        prompt = layers * 2 * c.text_len * c.dim * size
        return prompt + Cache.bytes(self.rope(), layers, tokens, c.heads, c.head_dim, frames, size)
