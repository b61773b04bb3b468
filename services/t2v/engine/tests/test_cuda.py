"""What would stumble on a GPU, seen without one: tensors of two devices in one operation, and a wait for the device."""

from __future__ import annotations

import pytest
import torch

from engine import batch, model
from engine.finish import to_bytes
from engine.session import Change, Spec

from .conftest import Words, tiny


VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])


@pytest.mark.skipif(VERSION < (2, 11), reason="older ones ask a GPU for what they pretend")
def test_a_session_on_a_pretended_gpu_mixes_no_devices_and_waits_for_none():
    from torch._subclasses.fake_tensor import FakeTensorMode

    config = tiny(stream={"sinks": 3, "sink_threshold": 0.2}, guidance=(2.0,))
    with FakeTensorMode(), torch.inference_mode():
        made = model.random(config, device="cuda", dtype=torch.bfloat16)
        made.tokenizer = Words()
        session = batch.start(made, Spec("a red mug", 64, 48, seed=1, chunks=5, negative="blur"))
        session.change(Change(3, batch.read(made, "a blue box"), True))
        while (work := session.work()) is not None:
            answer = batch.forward([work])[0]
            session.foresee()
            session.done(work, answer)
            for pixels in batch.decode(session):
                assert to_bytes(pixels).device.type == answer.device.type == "cuda"
        assert session.chunk == 5
