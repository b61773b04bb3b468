"""The transformer again, for tests: in float64, one frame list and one full attention, from the published formulas alone.

Shares no attention, rotation, mask or modulation code with the engine.
"""

from __future__ import annotations

import numpy as np


class Reference:
    """weights: the state dict as float64 arrays."""

    def __init__(self, config, state: dict):
        self.c = config
        self.w = {k: v.detach().double().numpy() for k, v in state.items()}

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def angles(self, t, h, w):
        """Complex turns of one token at (t, h, w), as numbers of its head's pairs."""
        d = self.c.dim // self.c.heads
        parts = []
        for position, size in ((t, d - 4 * (d // 6)), (h, 2 * (d // 6)), (w, 2 * (d // 6))):
            parts.append(position / 10000 ** (np.arange(0, size, 2) / size))
        return np.exp(1j * np.concatenate(parts))

    def rotate(self, x, at):
        """x [tokens, heads, d], at [tokens, d/2] complex."""
        z = x[..., 0::2] + 1j * x[..., 1::2]
        z = z * at[:, None, :]
        out = np.empty_like(x)
        out[..., 0::2], out[..., 1::2] = z.real, z.imag
        return out

    def rms(self, x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + self.c.eps) * self.w[name]

    def norm(self, x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + self.c.eps)

    def heads(self, x):
        return x.reshape(x.shape[0], self.c.heads, -1)

    def softmax_attention(self, q, k, v, sees=None):
        scores = np.einsum("nhd,mhd->hnm", q, k) / np.sqrt(q.shape[-1])
        if sees is not None:
            scores = np.where(sees[None], scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        return np.einsum("hnm,mhd->nhd", scores / scores.sum(-1, keepdims=True), v).reshape(q.shape[0], -1)

    def gelu(self, x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def silu(self, x):
        return x / (1 + np.exp(-x))

    def time(self, t):
        half = self.c.freq_dim // 2
        a = t / 10000 ** (np.arange(half) / half)
        e = self.linear(np.concatenate([np.cos(a), np.sin(a)]), "time_embedding.0")
        e = self.linear(self.silu(e), "time_embedding.2")
        return e, self.linear(self.silu(e), "time_projection.1").reshape(6, -1)

    def context(self, embedding):
        x = self.gelu(self.linear(embedding, "text_embedding.0"))
        return self.linear(x, "text_embedding.2")

    def patches(self, x):
        """x [C, F, H, W] as tokens, frame by frame: [F, tokens, dim]."""
        _, ph, pw = self.c.patch
        c, f, h, w = x.shape
        x = x.reshape(c, f, h // ph, ph, w // pw, pw).transpose(1, 2, 4, 0, 3, 5).reshape(f, (h // ph) * (w // pw), -1)
        kernel = self.w["patch_embedding.weight"].reshape(self.c.dim, -1)
        return x @ kernel.T + self.w["patch_embedding.bias"], h // ph, w // pw

    def unpatch(self, tokens, rows, columns):
        """[F, tokens, p*C] as [C, F, H, W]."""
        _, ph, pw = self.c.patch
        f = tokens.shape[0]
        x = tokens.reshape(f, rows, columns, ph, pw, -1).transpose(5, 0, 1, 3, 2, 4)
        return x.reshape(-1, f, rows * ph, columns * pw)

    def whole(self, x, times, positions, sees, embedding):
        """All frames at once. x [C, F, H, W]; times and positions one a frame; sees [F, F], which frame sees which."""
        h, rows, columns = self.patches(x)
        f, n, _ = h.shape
        tokens = h.reshape(f * n, -1)
        space = [(r, c) for r in range(rows) for c in range(columns)]
        at = np.array([self.angles(positions[i], r, c) for i in range(f) for r, c in space])
        mask = np.repeat(np.repeat(np.array(sees, dtype=bool), n, 0), n, 1)
        e = [self.time(t) for t in times]
        context = self.context(embedding)
        for layer in range(self.c.layers):
            tokens = self.block(tokens, layer, at, mask, np.repeat(np.array([m for _, m in e]), n, 0), context)
        return self.head(tokens, np.repeat(np.array([v for v, _ in e]), n, 0), f, rows, columns)

    def head(self, tokens, e, f, rows, columns):
        m = self.w["head.modulation"][0]
        out = self.linear(self.norm(tokens) * (1 + m[1] + e) + m[0] + e, "head.head")
        return self.unpatch(out.reshape(f, rows * columns, -1), rows, columns)

    def block(self, x, layer, at, mask, e, context, cached=None, keep=None):
        """One block; cached gives keys (turned) and values of other frames, keep is told this block's raw keys, values."""
        p = f"blocks.{layer}."
        m = self.w[p + "modulation"][0][None] + e
        y = self.norm(x) * (1 + m[:, 1]) + m[:, 0]
        q = self.heads(self.rms(self.linear(y, p + "self_attn.q"), p + "self_attn.norm_q.weight"))
        k = self.heads(self.rms(self.linear(y, p + "self_attn.k"), p + "self_attn.norm_k.weight"))
        v = self.heads(self.linear(y, p + "self_attn.v"))
        if keep is not None:
            keep(layer, k, v)
        keys, values = self.rotate(k, at), v
        if cached is not None:
            more_k, more_v = cached(layer)
            keys, values = np.concatenate([more_k, keys]), np.concatenate([more_v, values])
        x = x + self.linear(self.softmax_attention(self.rotate(q, at), keys, values, mask), p + "self_attn.o") * m[:, 2]
        y = self.norm(x) * self.w[p + "norm3.weight"] + self.w[p + "norm3.bias"]
        q = self.heads(self.rms(self.linear(y, p + "cross_attn.q"), p + "cross_attn.norm_q.weight"))
        k = self.heads(self.rms(self.linear(context, p + "cross_attn.k"), p + "cross_attn.norm_k.weight"))
        v = self.heads(self.linear(context, p + "cross_attn.v"))
        x = x + self.linear(self.softmax_attention(q, k, v), p + "cross_attn.o")
        y = self.norm(x) * (1 + m[:, 4]) + m[:, 3]
        return x + self.linear(self.gelu(self.linear(y, p + "ffn.0")), p + "ffn.2") * m[:, 5]


class NaiveStream:
    """A cache as a plain list of frames: each holds every layer's keys, never turned, and values; nothing is overwritten."""

    def __init__(self, reference: Reference, sinks: int, window: int):
        self.r, self.sinks, self.window = reference, sinks, window
        self.frames: list[dict] = []

    def visible(self):
        rest = self.frames[self.sinks :]
        return self.frames[: self.sinks] + rest[max(0, len(rest) - self.window) :]

    def chunk(self, x, t, embedding, commit=False):
        """x [C, F, H, W], the next frames; all of them see each other and what is visible."""
        r = self.r
        h, rows, columns = r.patches(x)
        f, n, _ = h.shape
        tokens, seen = h.reshape(f * n, -1), self.visible()
        space = [(a, b) for a in range(rows) for b in range(columns)]
        at = np.array([r.angles(len(seen) + i, a, b) for i in range(f) for a, b in space])
        new = [{} for _ in range(f)]

        def cached(layer):
            if not seen:
                empty = np.zeros((0, r.c.heads, r.c.dim // r.c.heads))
                return empty, empty
            keys = [r.rotate(s[layer][0], np.array([r.angles(i, a, b) for a, b in space])) for i, s in enumerate(seen)]
            return np.concatenate(keys), np.concatenate([s[layer][1] for s in seen])

        def keep(layer, k, v):
            for i in range(f):
                new[i][layer] = (k[i * n : (i + 1) * n], v[i * n : (i + 1) * n])

        e, m = r.time(t)
        context = r.context(embedding)
        for layer in range(r.c.layers):
            tokens = r.block(tokens, layer, at, None, np.repeat(m[None], f * n, 0), context, cached, keep)
        if commit:
            self.frames += new
        return r.head(tokens, np.repeat(e[None], f * n, 0), f, rows, columns)
