"""What outlives a call: sessions that a later order continues, and snapshots in files."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import snapshot
from .failure import Failed
from .session import Session
from .v1 import engine_pb2 as pb

if TYPE_CHECKING:
    from .loop import Engine


class Sessions:
    """Those that nobody drives, by unguessable names. The one longest here makes room. Safe for concurrent use."""

    def __init__(self, most: int):
        self._most = most
        self._known: OrderedDict[str, tuple[str, Session]] = OrderedDict()  # tenant and session
        self._lock = threading.Lock()

    def put(self, name: str, tenant: str, session: Session) -> None:
        with self._lock:
            self._known[name] = (tenant, session)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def find(self, name: str) -> tuple[str, Session] | None:
        with self._lock:
            return self._known.get(name)

    def take(self, name: str, tenant: str) -> Session:
        """It is the taker's alone; raises Failed where it is not the tenant's."""
        with self._lock:
            if self._known.get(name, (None,))[0] != tenant:
                raise unknown(name)
            return self._known.pop(name)[1]

    def drop_oldest(self) -> bool:
        with self._lock:
            return bool(self._known) and self._known.popitem(last=False) is not None

    @property
    def bytes(self) -> int:
        """Of the device."""
        with self._lock:
            return sum(c.size for _, s in self._known.values() for c in s.caches or [])


class Files:
    """Snapshots in a folder, by unguessable tokens; the oldest goes."""

    def __init__(self, folder: Path | None, most: int):
        self._folder, self._most = folder, most

    def write(self, meta: dict, tensors: dict[str, Tensor]) -> tuple[str, int]:
        """Its token and its bytes."""
        folder = self._folder
        if folder is None:
            raise Failed(pb.CODE_BAD_INPUT, "this engine keeps no snapshots: it was given no folder for them")
        token, raw = secrets.token_hex(16), snapshot.to_bytes(meta, tensors)
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{token}.part"
        part.write_bytes(raw)
        part.rename(folder / f"{token}.safetensors")
        known = sorted(folder.glob("*.safetensors"), key=lambda f: f.stat().st_mtime_ns)
        for old in known[: max(0, len(known) - self._most)]:
            old.unlink(missing_ok=True)
        return token, len(raw)

    def read(self, token: str) -> tuple[dict, dict[str, Tensor]]:
        path = None if self._folder is None or not token.isalnum() else self._folder / f"{token}.safetensors"
        if path is None or not path.is_file():
            raise Failed(pb.CODE_UNKNOWN_SESSION, f"snapshot {token[:64]} is not here")
        return snapshot.from_bytes(path.read_bytes())


def unknown(name: str) -> Failed:
    return Failed(pb.CODE_UNKNOWN_SESSION, f"session {name[:64]} is not here")


def take_snapshot(engine: "Engine", name: str) -> tuple[str, int, int]:
    """A token for what a session is after the chunk in hand; its bytes; its next chunk."""

    def take():
        job = engine.running(name)
        if job is None:
            if (found := engine.kept.find(name)) is None:
                raise unknown(name)
            return (*snapshot.pack(found[1]), found[0])
        job.wanted = bool(job.pending) or not job.session.between
        return None if job.wanted else (*snapshot.pack(job.session), job.order.tenant)

    meta, tensors, tenant = engine.ask(take)
    token, size = engine.files.write({**meta, "tenant": tenant}, tensors)
    return token, size, meta["chunk"]


def resume(engine: "Engine", token: str) -> tuple[str, int]:
    """A session made of a snapshot; its next chunk."""
    meta, tensors = engine.files.read(token)

    def take():
        with torch.inference_mode():
            session = snapshot.unpack(meta, tensors, engine.model, lambda prompt: engine.beginner.read(None, prompt))
        name = secrets.token_hex(16)
        engine.kept.put(name, str(meta.get("tenant", "")), session)
        return name, session.chunk

    return engine.ask(take)
