"""The diffusion transformer of the Wan family, bidirectional and causal. Parameters are named as in the native checkpoint.

The model holds no state of a session: keys and values lie in kv.Cache, text in Prompt. Rows of a batch belong to different
sessions, or to the prompt and the negative prompt of one; every layer but self-attention runs over the whole batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attn import attend
from .config import DitConfig
from .kv import Cache
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


class Norm(nn.Module):
    """Root mean square norm over all heads at once."""

    def __init__(self, dim: int, eps: float, device: torch.device | str | None = None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim, device=device))

    def forward(self, x: Tensor) -> Tensor:
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight).to(x.dtype)


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
        y = modulated(x, scale1, shift1, self.eps).to(dtype)
        k, v = self.self_attn.keys(y)
        y = self.self_attn.o(attention.frames(self.self_attn.query(y), k, v).flatten(2))
        x = gated(x, y, gate1)
        y = attention.text(self.cross_attn.query(self.norm3(x).to(dtype)))
        x = x + self.cross_attn.o(y.flatten(2))
        return gated(x, self.ffn(modulated(x, scale2, shift2, self.eps).to(dtype)), gate2)


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
        self.space = rope.space(*grid[1:])
        self.layer = 0  # of prompts
        self.cached = 0  # the same layer in caches, which hold a pipeline rank's layers only
        if caches is None:
            self.time = rope.time(list(range(grid[0])))

    def frames(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Self-attention, [B, L, heads, head_dim] each."""
        q, k = (self._placed(x) for x in (q, k))
        if self.caches is None:
            q, k = (self._timed(x) for x in (q, k))
            return attend(q, k, v)
        return torch.stack([c.attend(self.cached, q[i], k[i], v[i], self.commit) for i, c in enumerate(self.caches)])

    def text(self, q: Tensor) -> Tensor:
        """Cross-attention of each row to its prompt."""
        pairs = [p.layers[self.layer] for p in self.prompts]
        return torch.cat([attend(q[i : i + 1], k[None], v[None]) for i, (k, v) in enumerate(pairs)])

    def _placed(self, x: Tensor) -> Tensor:
        frames = x.unflatten(1, (self.grid[0], -1))
        return self.rope.turn(frames, self.space).flatten(1, 2)

    def _timed(self, x: Tensor) -> Tensor:
        pairs = self.rope.time_pairs * 2
        frames = x.unflatten(1, (self.grid[0], -1))
        turned = self.rope.turn_time(frames[..., :pairs], self.time)
        return torch.cat([turned, frames[..., pairs:]], dim=-1).flatten(1, 2)


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

    def prompt(self, embedding: Tensor) -> Prompt:
        """embedding [1, text_len, text_dim], zero-padded. All of it attends: the family is trained without a mask."""
        context = self.text_embedding(embedding.to(self.dtype))
        pairs = (block.cross_attn.keys(context) for block in self.blocks)
        return Prompt(tuple((k[0], v[0]) for k, v in pairs))

    def forward(
        self, x: Tensor, t: Tensor, prompts: list[Prompt], caches: list[Cache] | None = None, commit: bool = False
    ) -> Tensor:
        """The velocity, noise - clean. x [B, C, F, H, W]; t [B, G] from 0 to 1000, where G divides the tokens: one for
        all, one a frame, or one a token. With caches the frames are the next chunk of each row."""
        h, grid = self.embed(x)
        e, e0 = self.time(t)
        h = self.run(h, e0, Attending(self.rope(), grid, prompts, caches, commit), 0, len(self.blocks))
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

    def run(self, h: Tensor, e0: Tensor, attention: Attending, first: int, last: int) -> Tensor:
        """Blocks first to last: all, or a pipeline rank's."""
        for layer in range(first, last):
            attention.layer, attention.cached = layer, layer - first
            h = self.blocks[layer](h, e0, attention)
        return h

    def unpatch(self, h: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """[B, L, patch * C] as [B, C, F, H, W]; within a token channels vary fastest."""
        (f, r, c), (pt, ph, pw) = grid, self.config.patch
        x = h.reshape(h.shape[0], f, r, c, pt, ph, pw, self.config.channels)
        x = x.permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.reshape(h.shape[0], self.config.channels, f * pt, r * ph, c * pw)

    def cache_bytes(self, tokens: int, frames: int) -> int:
        c = self.config
        size = torch.finfo(self.dtype).bits // 8
        return Cache.bytes(self.rope(), c.layers, tokens, c.heads, c.head_dim, frames, size)


def modulated(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    """Layer norm without weights, scaled and shifted for each of G groups of tokens; x [B, L, dim], scale [B, G, dim]."""
    groups = F.layer_norm(x.float(), x.shape[-1:], eps=eps).unflatten(1, (scale.shape[1], -1))
    return (groups * (1 + scale[:, :, None]) + shift[:, :, None]).flatten(1, 2)


def gated(x: Tensor, y: Tensor, gate: Tensor) -> Tensor:
    """x + y, y gated for each group of tokens."""
    return x + (y.float().unflatten(1, (gate.shape[1], -1)) * gate[:, :, None]).flatten(1, 2)
