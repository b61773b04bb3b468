"""The other ranks of a pipeline as children of the process that serves: begun, watched and ended by it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Callable

import torch

from .link import Link
from .pipeline import Rank, RankedDit, free, joined


class Ranks:
    """Ranks 1 to count - 1. dits are the model's transformers, whose blocks lie on all; memory what each rank has for
    sessions. Raises what keeps a rank from its part of the model."""

    def __init__(self, folder: Path, count: int, device: str, dtype: torch.dtype, threads: int = 0):
        package = Path(__file__).resolve().parent.parent  # so that a child finds it wherever this one runs
        self._folder = Path(tempfile.mkdtemp(prefix="liveclip-ranks-"))
        self._children: list[subprocess.Popen] = []
        self._ending = False
        self.rank: Rank | None = None
        try:
            for number in range(1, count):
                told = ["--rank", number, "--ranks", count, "--meet", self._folder / "meet", "--threads", threads]
                told += [
                    "--model",
                    folder.resolve(),
                    "--device",
                    _device(device, number),
                    "--dtype",
                    str(dtype).split(".")[1],
                ]
                command = [sys.executable, "-m", "engine.pipeline", *map(str, told)]
                self._children.append(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=package, start_new_session=True)
                )
            own = _device(device, 0)
            self._link = Link(0, count, self._folder / "meet", own)
            self.rank = joined(self._link, folder, own, dtype)
            self.memory = self._link.least(free(own))
        except BaseException:
            self.close()
            raise
        self.dits = [RankedDit(self.rank, i) for i in range(len(self.rank.dits))]

    def watch(self, tell: Callable[[str], None]) -> None:
        """Calls tell, from a thread of its own, when a rank ends that was not to."""
        for number, child in enumerate(self._children, 1):
            threading.Thread(target=self._watch, args=(number, child, tell), name="rank", daemon=True).start()

    def _watch(self, number: int, child: subprocess.Popen, tell: Callable[[str], None]) -> None:
        status = child.wait()
        if not self._ending:
            tell(f"rank {number} ended with {status}")

    def close(self) -> None:
        """When nothing is told any more."""
        self._ending = True
        try:
            if self.rank is not None:
                self.rank.end(patience=5)
        except Exception:  # it is gone already
            pass
        for child in self._children:
            try:
                child.wait(5 if self.rank is not None else 0.1)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self.rank is not None:
            self._link.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _device(device: str, number: int) -> str:
    return f"cuda:{number}" if device.startswith("cuda") else device
