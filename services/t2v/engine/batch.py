"""Forwards of sessions as batches of the model."""

from __future__ import annotations

import torch
from torch import Tensor

from .model import Model
from .session import Session, Spec, Texts, Work


@torch.inference_mode()
def forward(works: list[Work]) -> list[Tensor]:
    """The answers to works of one batch_key, computed in one forward."""
    first = works[0]
    x, t = torch.cat([w.x for w in works]), torch.cat([w.t for w in works])
    prompts = [p for w in works for p in w.prompts]
    caches = None if first.caches is None else [c for w in works for c in w.caches or []]
    out = first.dit(x, t, prompts, caches, first.commit)
    return list(out.split([w.x.shape[0] for w in works]))


@torch.inference_mode()
def read(model: Model, prompt: str) -> Texts:
    """A prompt as the model reads it, computed."""
    return Texts(prompt, model.prompts(model.embed(prompt)))


@torch.inference_mode()
def decode(session: Session) -> list[Tensor]:
    """The pixels [3, T, H, W] of every chunk that is ready."""
    out = []
    while session.ready:
        z = session.ready.popleft().z
        out.append(session.model.vae.decode(z.to(session.model.vae.device), session.tails)[0])
    return out


def start(model: Model, spec: Spec) -> Session:
    """A session whose prompts are read here and now."""
    return Session(model, spec, read(model, spec.prompt), read(model, spec.negative) if guided(model, spec) else None)


def guided(model: Model, spec: Spec) -> bool:
    """Whether a second row runs, of the negative prompt."""
    return any(g != 1 for g in ([spec.guidance] if spec.guidance else model.config.guidance))


def run(session: Session) -> list[Tensor]:
    """Drives one session to its end, or until it awaits frames: the pixels of its chunks."""
    out = []
    while (work := session.work()) is not None:
        session.done(work, forward([work])[0])
        out += decode(session)
    return out
