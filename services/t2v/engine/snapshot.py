"""A session between two chunks as one file, and back: bit for bit, with nothing in it that could run.

The file is a safetensors file; what is no tensor lies in its metadata as JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Callable

import torch
from torch import Tensor

from .model import Model
from .session import BadOrder, Change, Session, Spec, Texts

_version = 1


class BadSnapshot(ValueError):
    """A snapshot that is broken or of another model."""


def pack(session: Session) -> tuple[dict, dict[str, Tensor]]:
    """Everything that what follows depends on. The session must stand between two chunks."""
    if not session.between:
        raise BadOrder("a snapshot can only be taken between two chunks")
    tensors: dict[str, Tensor] = {}
    for name, tails in (("tails", session.tails), ("encoded", session.encoded)):
        tensors |= {f"{name}/{key}": t.cpu().clone() for key, t in tails.items()}
    cursors = []
    for i, cache in enumerate(session.caches or []):
        told, kept = cache.state()
        cursors.append(told)
        tensors |= {f"cache{i}/{key}": t for key, t in kept.items()}
    unique: list[Tensor] = []  # a chunk may hold sinks and stand in the window, too
    places = {}
    for name in ("opening", "history"):
        places[name] = [_place(unique, z) for z in getattr(session, name)]
    tensors |= {f"clean/{i}": z.cpu().clone() for i, z in enumerate(unique)}
    tensors |= {f"fed/{i}": f.cpu().clone() for i, f in enumerate(session.fed)}
    if session.motion.last is not None:
        tensors["motion"] = session.motion.last.cpu().clone()
    meta = {
        "version": _version,
        "model": session.model.fingerprint,
        "spec": asdict(session.spec),
        "prompt": session.texts.prompt,
        "negative": None if session.negative is None else session.negative.prompt,
        "chunk": session.chunk,
        "stopped": session.stopped,
        "forwards": session.forwards,
        "cursors": cursors,
        "changes": [[c.chunk, c.texts.prompt, c.recache] for c in session.changes],
        "level": session.motion.level,
        **places,
    }
    return meta, tensors


def unpack(meta: dict, tensors: dict[str, Tensor], model: Model, read: Callable[[str], Texts]) -> Session:
    """read gives a prompt as the model reads it."""
    if meta.get("version") != _version or meta.get("model") != model.fingerprint:
        raise BadSnapshot(f"the snapshot is of model {meta.get('model')}, this is {model.fingerprint}")
    try:
        session = Session(
            model,
            Spec(**meta["spec"]),
            read(meta["prompt"]),
            None if meta["negative"] is None else read(meta["negative"]),
            chunk=meta["chunk"],
            stopped=meta["stopped"],
            forwards=meta["forwards"],
        )
        for i, cache in enumerate(session.caches or []):
            cache.load(meta["cursors"][i], _under(tensors, f"cache{i}/"))
        device = model.device
        session.tails = {k: t.to(model.vae.device).clone() for k, t in _under(tensors, "tails/").items()}
        session.encoded = {k: t.to(model.vae.device).clone() for k, t in _under(tensors, "encoded/").items()}
        clean = {int(k): t.to(device) for k, t in _under(tensors, "clean/").items()}
        session.opening = [clean[i] for i in meta["opening"]]
        session.history.extend(clean[i] for i in meta["history"])
        session.fed.extend(tensors[f"fed/{i}"].clone() for i in range(len(_under(tensors, "fed/"))))
        session.changes = [Change(chunk, read(prompt), recache) for chunk, prompt, recache in meta["changes"]]
        session.motion.level, session.motion.last = meta["level"], tensors.get("motion")
    except (KeyError, IndexError, TypeError, RuntimeError) as err:
        raise BadSnapshot(f"the snapshot is broken: {err}") from err
    return session


def to_bytes(meta: dict, tensors: dict[str, Tensor]) -> bytes:
    from safetensors.torch import save

    return save({name: t.contiguous() for name, t in tensors.items()}, metadata={"session": json.dumps(meta)})


def from_bytes(raw: bytes) -> tuple[dict, dict[str, Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(raw)
        length = int.from_bytes(raw[:8], "little")
        meta = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["session"])
    except (SafetensorError, ValueError, KeyError, TypeError) as err:
        raise BadSnapshot(f"the snapshot is broken: {err}") from err
    if not isinstance(meta, dict):
        raise BadSnapshot("the snapshot is broken: no session in it")
    return meta, tensors


def bytes_of(tensors: dict[str, Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _place(unique: list[Tensor], z: Tensor) -> int:
    for i, other in enumerate(unique):
        if other is z:
            return i
    unique.append(z)
    return len(unique) - 1


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


__all__ = ["BadSnapshot", "bytes_of", "from_bytes", "pack", "to_bytes", "torch", "unpack"]
