"""A model over several ranks gives what it gives on one, through the whole engine; a rank that is lost is said."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
import torch

from engine import batch, model, pipeline, snapshot
from engine.ranks import Ranks
from engine.session import Change, Spec
from engine.v1 import engine_pb2 as pb
from engine.v1 import engine_pb2_grpc as pb_grpc

from .conftest import tiny
from .test_service import SECOND, Call, failure, generate, order, requests, video
from .test_weights import written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a model with four blocks, sinks, and guidance: two caches a session."""
    config = tiny(stream={"sinks": 1, "window": 4}, guidance=(2.0,))
    config = dataclasses.replace(config, dit=dataclasses.replace(config.dit, layers=4))
    return written(tmp_path_factory.mktemp("ranks") / "m", config)


@pytest.fixture(scope="module")
def ranks(folder):
    two = Ranks(folder, 2, "cpu", torch.float32, threads=1)
    yield two
    two.close()


@pytest.fixture(scope="module")
def both(folder, ranks):
    """The same model on one rank, and on two."""
    return model.load(folder), model.load(folder, transformers=ranks.dits)


SPEC = Spec("a red circle", 32, 32, seed=7, chunks=4, negative="blur")


def test_two_ranks_give_what_one_gives_also_after_a_recache(both):
    def run(made):
        session = batch.start(made, SPEC)
        session.change(Change(2, batch.read(made, "a blue square"), True))
        return torch.cat(batch.run(session), 1)

    one, two = (run(made) for made in both)
    assert torch.allclose(one, two, atol=1e-5) and one.std() > 1e-3


def test_a_session_over_two_ranks_is_resumed_bit_for_bit_and_by_one(both):
    one, two = both
    session = batch.start(two, SPEC)
    videos, raw = [], b""
    while (work := session.work()) is not None:
        session.done(work, batch.forward([work])[0])
        videos += batch.decode(session)
        if session.chunk == 2 and session.between and not raw:
            raw = snapshot.to_bytes(*snapshot.pack(session))
    for made, same in ((two, torch.equal), (one, lambda a, b: torch.allclose(a, b, atol=1e-5))):
        again = snapshot.unpack(*snapshot.from_bytes(raw), made, lambda prompt: batch.read(made, prompt))
        assert all(same(a, b) for a, b in zip(batch.run(again), videos[2:], strict=True))


def test_what_nobody_holds_any_more_is_given_up_by_every_rank(both, ranks):
    _, two = both
    batch.run(batch.start(two, SPEC))
    batch.run(batch.start(two, SPEC))
    assert len(ranks.rank._held) <= 2 * 4, "caches and prompts of at most two sessions"


def test_each_rank_holds_its_blocks_and_its_part_of_a_session(both, ranks):
    one, two = (made.dits[0] for made in both)
    own = ranks.rank.dits[0]
    assert own.span == (0, 2)
    assert [p.device.type for p in (next(b.parameters()) for b in own.blocks)] == ["cpu", "cpu", "meta", "meta"]
    assert two.session_bytes(4, 8) * 2 == one.session_bytes(4, 8)


def test_memory_that_runs_out_on_one_rank_ends_a_forward_and_no_rank(both, ranks, monkeypatch):
    _, two = both
    want = torch.cat(batch.run(batch.start(two, SPEC)), 1)
    session = batch.start(two, SPEC)
    monkeypatch.setattr(ranks.rank.dits[0], "run", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        batch.forward([session.work()])
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="a rank failed to commit"):
        ranks.rank._held[0] = session.caches[0]._own  # known to the first rank alone
        ranks.rank.lead("commit", number=0)
    assert torch.equal(torch.cat(batch.run(batch.start(two, SPEC)), 1), want)


@contextlib.contextmanager
def engine(*args):
    """A process of its own: it, and a stub once it is no longer loading."""
    command = [sys.executable, "-m", "engine", "--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1", *args]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().removeprefix("listening on ").strip()
            with grpc.insecure_channel(address) as channel:
                stub = pb_grpc.EngineStub(channel)
                while stub.Health(pb.HealthRequest(), timeout=60, wait_for_ready=True).state in (1, 2):
                    time.sleep(0.02)
                yield process, stub
        finally:
            process.terminate()
            process.wait(60)


def test_a_model_that_is_not_whole_is_refused_by_name_on_every_rank(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1])
    with engine("--model", tmp_path, "--pipeline", 2) as (process, stub):
        health = stub.Health(pb.HealthRequest())
        assert health.state == pb.STATE_FAILED and "model.safetensors" in health.reason
        assert children(process.pid) == []


def test_the_service_over_two_ranks_serves_alike_and_says_when_one_is_lost(serve, both, folder):
    one, _ = both
    want = video(generate(serve(one), order(length=SECOND)))
    with engine("--model", folder, "--pipeline", 2) as (process, stub):
        got = list(stub.Generate(requests(order(length=SECOND)), timeout=60))
        assert len(video(got)) == pytest.approx(len(want), rel=0.05) and got[-1].finished.frames == 16
        call = Call(SimpleNamespace(stub=stub), order(id="endless", endless=True))
        call.until("chunk")
        (other,) = children(process.pid)
        os.kill(other, signal.SIGKILL)
        with pytest.raises(grpc.RpcError) as err:
            list(call.replies)
        assert failure(err.value).code in (pb.CODE_INTERNAL, pb.CODE_DRAINING)
        while (health := stub.Health(pb.HealthRequest())).state != pb.STATE_FAILED:
            time.sleep(0.02)
        assert "rank" in health.reason


def children(pid: int) -> list[int]:
    """The ranks that a process has begun."""
    told = "".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(p) for p in told.split() if b"engine.pipeline" in Path(f"/proc/{p}/cmdline").read_bytes()]


def test_blocks_are_shared_out_evenly_or_by_what_ranks_take():
    assert pipeline.ranges(40, 4) == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert pipeline.ranges(30, 4) == [(0, 8), (8, 15), (15, 22), (22, 30)]
    slow_ends = pipeline.ranges(40, 4, [2.0, 1.0, 1.0, 2.0])
    assert slow_ends == [(0, 7), (7, 20), (20, 33), (33, 40)]
    assert pipeline.ranges(3, 3, [100.0, 1.0, 1.0]) == [(0, 1), (1, 2), (2, 3)]
    with pytest.raises(ValueError, match="4 ranks for 3 blocks"):
        pipeline.ranges(3, 4)
