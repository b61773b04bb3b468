"""Why an order fails, sorted once: the code a client acts on."""

from __future__ import annotations

import torch

from .model import BadModel
from .session import BadOrder
from .snapshot import BadSnapshot
from .v1 import engine_pb2 as pb


class Failed(Exception):
    """code is one of pb.Code; retry_after in seconds, 0: unknown."""

    def __init__(self, code: int, reason: str, retry_after: float = 0.0):
        super().__init__(reason)
        self.code, self.reason, self.retry_after = code, reason, retry_after


def sorted_out(err: BaseException) -> Failed:
    """Any error as what a client can act on."""
    if isinstance(err, Failed):
        return err
    if isinstance(err, BadOrder):
        return Failed(pb.CODE_BAD_INPUT, str(err))
    if isinstance(err, BadSnapshot):
        return Failed(pb.CODE_UNKNOWN_SESSION, str(err))
    if isinstance(err, BadModel):
        return Failed(pb.CODE_BAD_MODEL, str(err))
    if out_of_memory(err):
        return Failed(pb.CODE_OUT_OF_MEMORY, "the device has run out of memory")
    return Failed(pb.CODE_INTERNAL, f"{type(err).__name__}: {err}")


class Lost(RuntimeError):
    """Part of the device is gone: a rank, say."""


def lost(err: BaseException) -> bool:
    """Whether the device is of no more use to this process: after an illegal access, say, its context is gone."""
    return isinstance(err, Lost) or "CUDA error" in str(err)


def out_of_memory(err: BaseException) -> bool:
    """PyTorch says it in several ways, by device and version."""
    kind = getattr(torch.cuda, "OutOfMemoryError", None)
    if isinstance(err, MemoryError) or (kind is not None and isinstance(err, kind)):
        return True
    text = str(err).lower()
    return isinstance(err, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
