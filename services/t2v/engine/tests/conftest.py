from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from engine import config as cfg
from engine import model as models

torch.set_num_threads(1)

DIT = cfg.DitConfig(2, 64, 4, 96, channels=4, freq_dim=32, text_dim=24, text_len=8)
VAE = cfg.VaeConfig(base=8, decoder_base=8, mult=(1, 1, 2, 2), blocks=1, z=4)
TEXT = cfg.TextConfig(1, 24, 2, 24, 32, 380, max_len=8)


def tiny(**fields) -> cfg.ModelConfig:
    """A causal model of the family's shape, of a few thousand parameters."""
    stream = cfg.StreamConfig(**{"chunk": 3, "window": 6, "steps": (1000.0, 500.0), **fields.pop("stream", {})})
    told = {"dit": DIT, "vae": VAE, "text": TEXT, "stream": stream, "guidance": (1.0,), **fields}
    return cfg.ModelConfig("test", **told).check()


def bidirectional(**fields) -> cfg.ModelConfig:
    return tiny(**{"stream": {"chunk": 0, "window": 0, "steps": ()}, "steps": 4, "guidance": (5.0,), **fields})


class Words:
    """A tokenizer for tests: every character a token."""

    size = 380

    def ids(self, text: str, limit: int) -> list[int]:
        return [3 + ord(c) % 300 for c in text][: limit - 1] + [1]


def made(config: cfg.ModelConfig, seed: int = 0) -> models.Model:
    model = models.random(config, seed)
    model.tokenizer = Words()
    return model


@pytest.fixture(scope="session")
def causal_model() -> models.Model:
    return made(tiny())


@pytest.fixture(scope="session")
def sink_model() -> models.Model:
    return made(tiny(stream={"sinks": 1}))
