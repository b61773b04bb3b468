"""How the ranks of a pipeline talk: orders as JSON over gloo; tensors over NCCL between GPUs, else over gloo, too."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from pathlib import Path
from typing import Iterator

import torch
import torch.distributed as dist
from torch import Tensor

from .failure import Lost

_joining = datetime.timedelta(minutes=2)
_ever = datetime.timedelta(
    days=365
)  # a rank that waits for an order has nothing else to do; one that dies is noticed at once


class Link:
    """Of one rank of ranks, which meet by a file. Every call is made by all of them, in one order. Raises Lost where another
    is gone."""

    def __init__(self, rank: int, ranks: int, meet: Path, device: str):
        self.rank, self.ranks = rank, ranks
        cuda = device.startswith("cuda")
        if cuda:
            torch.cuda.set_device(device)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # ranks are of one machine: nobody else is to reach them
        with _losing():
            dist.init_process_group("gloo", f"file://{meet}", rank=rank, world_size=ranks, timeout=_joining)
            self._orders = dist.new_group(backend="gloo", timeout=_ever)
            self._bulk = dist.new_group(backend="nccl", timeout=_ever) if cuda else self._orders
        self._device = device if cuda else "cpu"

    def tell(self, order: dict) -> None:
        """Of the first rank: to all others."""
        raw = torch.frombuffer(bytearray(json.dumps(order).encode()), dtype=torch.uint8)
        with _losing():
            dist.broadcast(torch.tensor([len(raw)]), 0, group=self._orders)
            dist.broadcast(raw, 0, group=self._orders)

    def told(self) -> dict:
        with _losing():
            length = torch.zeros(1, dtype=torch.long)
            dist.broadcast(length, 0, group=self._orders)
            raw = torch.zeros(int(length), dtype=torch.uint8)
            dist.broadcast(raw, 0, group=self._orders)
        return json.loads(bytes(raw.numpy()))

    def most(self, number: int) -> int:
        """The greatest that any rank says."""
        return self._reduced(number, dist.ReduceOp.MAX)

    def least(self, number: int) -> int:
        return self._reduced(number, dist.ReduceOp.MIN)

    def shared(self, tensor: Tensor | None, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """The first rank's, in float32, on all."""
        out = (
            torch.empty(shape, device=self._device) if tensor is None else tensor.float().to(self._device).contiguous()
        )
        with _losing():
            dist.broadcast(out, 0, group=self._bulk)
        return out.to(device)

    def give(self, rank: int, tensor: Tensor) -> None:
        if tensor.numel() > 0:
            with _losing():
                dist.send(tensor.to(self._device).contiguous().flatten().view(torch.uint8), rank, group=self._bulk)

    def taken(
        self, rank: int, shape: tuple[int, ...], device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """What rank gives, bit for bit."""
        out = torch.empty(shape, dtype=dtype, device=self._device)
        if out.numel() == 0:
            return out.to(device)
        with _losing():
            dist.recv(out.flatten().view(torch.uint8), rank, group=self._bulk)
        return out.to(device)

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()

    def _reduced(self, number: int, how: dist.ReduceOp) -> int:
        told = torch.tensor([int(number)])
        with _losing():
            dist.all_reduce(told, how, group=self._orders)
        return int(told)


@contextlib.contextmanager
def _losing() -> Iterator[None]:
    try:
        yield
    except RuntimeError as err:
        raise Lost(f"a rank is gone: {err}".splitlines()[0]) from err
