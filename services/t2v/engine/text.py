"""The UMT5 encoder and its tokenizer. Parameters are named as in the native checkpoint of Wan."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attn import attend
from .config import TextConfig

MAX_PROMPT = 64 << 10  # bytes; what is longer is refused, since it would be cut without a word


class TokenizerMissing(RuntimeError):
    """There is no tokenizer, and text that is tokenized by guess means something else to the model."""


class Tokenizer:
    """SentencePiece, as UMT5 uses it: pieces and an end mark."""

    end = 1

    def __init__(self, file: Path):
        import sentencepiece

        if not file.is_file():
            raise TokenizerMissing(f"tokenizer {file.name} is missing: prompts cannot be read without it")
        raw = file.read_bytes()
        self.hash = hashlib.sha256(raw).hexdigest()
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            self._pieces.LoadFromSerializedProto(raw)
        except RuntimeError as err:
            raise TokenizerMissing(f"tokenizer {file.name} is no SentencePiece model: {err}") from err

    @property
    def size(self) -> int:
        return self._pieces.GetPieceSize()

    def ids(self, text: str, limit: int) -> list[int]:
        """At most limit IDs, the last of them the end mark."""
        return self._pieces.EncodeAsIds(clean(text))[: limit - 1] + [self.end]


def clean(text: str) -> str:
    """One line without control characters, its spaces single."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())


class Scale(nn.Module):
    """Root mean square norm of T5."""

    def __init__(self, dim: int, device: torch.device | str | None = None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim, device=device))

    def forward(self, x: Tensor) -> Tensor:
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)).to(self.weight.dtype) * self.weight


class Attention(nn.Module):
    def __init__(self, c: TextConfig, device: torch.device | str | None = None):
        super().__init__()
        self.heads = c.heads
        self.q = nn.Linear(c.dim, c.attention, bias=False, device=device)
        self.k = nn.Linear(c.dim, c.attention, bias=False, device=device)
        self.v = nn.Linear(c.dim, c.attention, bias=False, device=device)
        self.o = nn.Linear(c.attention, c.dim, bias=False, device=device)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)) for f in (self.q, self.k, self.v))
        return self.o(attend(q, k, v, scale=1.0, bias=bias.to(q.dtype)).flatten(2))  # T5 does not scale scores


class FeedForward(nn.Module):
    def __init__(self, c: TextConfig, device: torch.device | str | None = None):
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(c.dim, c.ffn, bias=False, device=device), nn.GELU(approximate="tanh"))
        self.fc1 = nn.Linear(c.dim, c.ffn, bias=False, device=device)
        self.fc2 = nn.Linear(c.ffn, c.dim, bias=False, device=device)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x) * self.gate(x))


class Distance(nn.Module):
    """The bias of a layer by how far apart two tokens are."""

    def __init__(self, c: TextConfig, device: torch.device | str | None = None):
        super().__init__()
        self.buckets, self.far = c.buckets, c.max_distance
        self.embedding = nn.Embedding(c.buckets, c.heads, device=device)

    def forward(self, length: int) -> Tensor:
        """[1, heads, length, length]"""
        at = torch.arange(length, device=self.embedding.weight.device)
        apart = at[None, :] - at[:, None]
        half = self.buckets // 2
        exact = half // 2
        near = apart.abs()
        log = (near.clamp(min=1).float() / exact).log() / math.log(self.far / exact) * (half - exact)
        bucket = torch.where(near < exact, near, (exact + log.long()).clamp(max=half - 1)) + (apart > 0) * half
        return self.embedding(bucket).permute(2, 0, 1)[None]


class Block(nn.Module):
    def __init__(self, c: TextConfig, device: torch.device | str | None = None):
        super().__init__()
        self.norm1 = Scale(c.dim, device)
        self.attn = Attention(c, device)
        self.norm2 = Scale(c.dim, device)
        self.ffn = FeedForward(c, device)
        self.pos_embedding = Distance(c, device)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        bias = self.pos_embedding(x.shape[1])
        if padding is not None:
            bias = bias.expand(x.shape[0], -1, -1, -1).masked_fill(padding[:, None, None], torch.finfo(bias.dtype).min)
        x = x + self.attn(self.norm1(x), bias)
        return x + self.ffn(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, config: TextConfig, device: torch.device | str | None = None):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab, config.dim, device=device)
        self.blocks = nn.ModuleList(Block(config, device) for _ in range(config.layers))
        self.norm = Scale(config.dim, device)

    def forward(self, ids: Tensor, padding: Tensor | None = None) -> Tensor:
        """ids [B, L], padding [B, L] true where a row has ended: [B, L, dim]. Without padding rows are of one length."""
        x = self.token_embedding(ids)
        for block in self.blocks:
            x = block(x, padding)
        return self.norm(x)

    def embed(self, tokenizer: Tokenizer, prompt: str) -> Tensor:
        """[tokens, dim]: what the DiT pads with zeros to its text_len. No padding is needed, as the encoder runs one prompt."""
        ids = torch.tensor([tokenizer.ids(prompt, self.config.max_len)], device=self.token_embedding.weight.device)
        return self(ids)[0]


def zero_padded(embedding: Tensor, length: int) -> Tensor:
    """[tokens, dim] as [1, length, dim]: padding attends, so its zeros are part of the model."""
    return F.pad(embedding, (0, 0, 0, length - embedding.shape[0]))[None]
