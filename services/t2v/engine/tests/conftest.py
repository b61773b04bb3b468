from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import threading

import grpc
import pytest
import torch

from engine import config as cfg
from engine import model as models
from engine.v1 import engine_pb2 as pb
from engine.v1 import engine_pb2_grpc as pb_grpc

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


class Served:
    """An engine of a tiny random model on a real gRPC server."""

    def __init__(self, model: models.Model, **limits):
        from engine import rpc
        from engine.loop import Engine, Limits
        from engine.stats import Stats

        self.service = rpc.Service("cpu")
        self.server, port = rpc.serve(self.service, "127.0.0.1:0")
        self.engine = Engine(model, Limits(**{"memory": 1 << 30, **limits}), Stats())
        self.thread = threading.Thread(target=self.engine.run, daemon=True)
        self.thread.start()
        self.service.engine, self.service.state, self.service.reason = self.engine, pb.STATE_READY, ""
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", 64 << 20)])
        self.stub = pb_grpc.EngineStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.engine.close()
        self.thread.join(20)
        self.server.stop(0)
        assert not self.thread.is_alive()


@pytest.fixture
def serve(causal_model):
    """serve(**limits) gives a Served; all are closed."""
    made_: list[Served] = []

    def start(model=None, **limits) -> Served:
        made_.append(Served(model or causal_model, **limits))
        return made_[-1]

    yield start
    for served in made_:
        served.close()
