"""Attention: the one function all models use."""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor

_fused = getattr(F, "scaled_dot_product_attention", None)
_scores = 1 << 25  # elements of the score matrix at once where nothing fused is there


def preferring(kind: str) -> contextlib.AbstractContextManager:
    """Within it attention runs on cuDNN's kernels ("cudnn") or on PyTorch's flash ("flash") where they can; "auto" is cuDNN
    from Hopper on. The preference is the process's: it is entered once, by whoever owns the device."""
    if kind == "auto":
        hopper = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 9
        kind = "cudnn" if hopper else ""
    try:
        from torch.nn.attention import SDPBackend as Kernel
        from torch.nn.attention import sdpa_kernel

        order = [Kernel.FLASH_ATTENTION, Kernel.EFFICIENT_ATTENTION, Kernel.MATH]
        order.insert(0 if kind == "cudnn" else 2, Kernel.CUDNN_ATTENTION)
        return sdpa_kernel(order, set_priority=True) if kind else contextlib.nullcontext()
    except (ImportError, AttributeError, TypeError):  # before PyTorch 2.6 there is no order to be told
        return contextlib.nullcontext()


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float | None = None, bias: Tensor | None = None) -> Tensor:
    """Softmax attention. q [B, N, H, D], k and v [B, M, H, D], bias [1 or B, H, N, M] added to the scores; [B, N, H, D]."""
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    if scale is None:
        scale = q.shape[-1] ** -0.5
    if _fused is not None:
        out = _fused(q * (scale * q.shape[-1] ** 0.5) if scale != q.shape[-1] ** -0.5 else q, k, v, attn_mask=bias)
        return out.transpose(1, 2)
    rows = max(1, _scores // max(1, q.shape[0] * q.shape[1] * k.shape[2]))
    parts = []
    for at in range(0, q.shape[2], rows):
        scores = torch.matmul(q[:, :, at : at + rows].float() * scale, k.float().transpose(-1, -2))
        if bias is not None:
            scores = scores + bias[:, :, at : at + rows].float()
        parts.append(torch.matmul(scores.softmax(-1), v.float()).to(v.dtype))
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)).transpose(1, 2)
