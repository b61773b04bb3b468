"""What the loop promises: one forward at a time, shared where it can be, decoded beside it, and nothing after an end."""

from __future__ import annotations

import contextlib
import threading
import time

import grpc
import pytest

from engine import batch
from engine.session import Kind
from engine.v1 import engine_pb2 as pb

from .conftest import made, tiny
from .test_service import SECOND, Call, failure, generate, idle, order, video

LONG = 60  # seconds that a test waits for what must come, on a busy machine


class Gate:
    """batch.forward that waits to be let through, and tells what it saw."""

    def __init__(self, monkeypatch, shut: bool = True):
        self.real, self.rows, self.threads = batch.forward, [], set()
        self.at, self.open = threading.Event(), threading.Event()
        self._busy = threading.Lock()
        if not shut:
            self.open.set()
        monkeypatch.setattr(batch, "forward", self)

    def __call__(self, works):
        assert self._busy.acquire(blocking=False), "two forwards at once"
        try:
            self.threads.add(threading.current_thread().name)
            self.at.set()
            assert self.open.wait(LONG)
            self.rows.append(len(works))
            return self.real(works)
        finally:
            self._busy.release()


def wait(until) -> None:
    end = time.monotonic() + LONG
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_one_thread_runs_one_forward_at_a_time_and_puts_into_it_whoever_can_share_it(serve, monkeypatch):
    served = serve(rows=4)
    gate = Gate(monkeypatch)
    served.engine.table.predict = lambda shape, batch: 1e-3  # nobody is in a hurry
    calls = [Call(served, order(id=str(i), seed=i)) for i in range(3)]
    wait(lambda: sum(served.engine.counts()[:2]) == 3)
    gate.open.set()
    for call in calls:
        assert list(call.replies)[-1].HasField("finished")
    assert max(gate.rows) == 3 and sum(gate.rows) == 3 * 9
    assert len(gate.threads) == 1
    stats = served.engine.stats.values()
    assert stats["liveclip_engine_forward_rows_total"] == 27 > stats["liveclip_engine_forwards_total"]


def test_the_limit_of_rows_is_kept(serve, monkeypatch):
    served = serve(rows=2)
    gate = Gate(monkeypatch)
    served.engine.table.predict = lambda shape, batch: 1e-3  # nobody is in a hurry
    calls = [Call(served, order(id=str(i), seed=i)) for i in range(3)]
    wait(lambda: sum(served.engine.counts()[:2]) == 3)
    gate.open.set()
    for call in calls:
        list(call.replies)
    assert max(gate.rows) == 2


def test_a_device_that_is_gone_ends_every_order_though_a_forward_never_comes_back(serve, monkeypatch):
    served = serve()
    gate = Gate(monkeypatch)
    calls = [Call(served, order(id=str(i), seed=i)) for i in range(2)]
    assert gate.at.wait(LONG)
    wait(lambda: sum(served.engine.counts()[:2]) == 2)
    served.engine.give_up("rank 1 ended with -9", patience=0.05)
    for call in calls:
        with pytest.raises(grpc.RpcError) as err:
            list(call.replies)
        told = failure(err.value)
        assert told.code == pb.CODE_DRAINING and "rank 1" in told.reason
    health = served.stub.Health(pb.HealthRequest())
    assert health.state == pb.STATE_FAILED and "rank 1" in health.reason
    gate.open.set()


def test_a_chunk_is_decoded_while_the_next_is_computed(serve, monkeypatch):
    from engine.finish import Finisher

    served = serve()
    gate, real, further = Gate(monkeypatch, shut=False), Finisher._decode, []

    def decode(self, latents):
        if latents.index == 0:  # until the next chunk has had a forward: a chunk has three
            wait(lambda: len(gate.rows) > 3)
            further.append(True)
        return real(self, latents)

    monkeypatch.setattr(Finisher, "_decode", decode)
    assert generate(served, order())[-1].HasField("finished") and further == [True]


def test_nothing_is_begun_of_an_order_after_it_was_canceled(serve, monkeypatch):
    served = serve()
    gate = Gate(monkeypatch)
    call = Call(served, order(endless=True))
    assert gate.at.wait(LONG)
    assert served.stub.Cancel(pb.CancelRequest(id="c1/1/0"), timeout=LONG).found
    gate.open.set()
    with pytest.raises(grpc.RpcError) as err:
        list(call.replies)
    assert failure(err.value).code == pb.CODE_CANCELED
    idle(served)
    assert gate.rows == [1], "the forward that ran when it was canceled, and no other"


def test_a_client_that_vanishes_from_the_queue_is_not_begun(serve, monkeypatch):
    served = serve(running=1)
    gate = Gate(monkeypatch)
    first, second = (Call(served, order(id=name, endless=True)) for name in "ab")
    wait(lambda: served.engine.counts()[:2] == (1, 1))
    second.replies.cancel()
    gate.open.set()
    wait(lambda: served.engine.counts()[1] == 0)
    first.replies.cancel()
    idle(served)
    assert served.engine.stats.values()["liveclip_engine_orders_total{outcome=canceled}"] == 2


@pytest.mark.parametrize("where", ["decode", "prompt", "cache"])
def test_running_out_of_memory_anywhere_ends_one_order_and_no_other(serve, monkeypatch, where):
    served = serve()
    want = video(generate(served, order(id="good", seed=3)))
    served.engine.tiers.results.clear()
    model, text = served.engine.model, "CUDA out of memory. Tried to allocate 2.00 GiB"
    owner, name = {"decode": (model.vae, "decode"), "prompt": (model, "prompts"), "cache": (model.dits[0], "cache")}[
        where
    ]
    real, left = getattr(owner, name), [1]

    def fails(*args):
        if left:
            left.pop()
            raise RuntimeError(text)
        return real(*args)

    monkeypatch.setattr(owner, name, fails)
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="bad", prompt="another"))
    assert failure(err.value).code == pb.CODE_OUT_OF_MEMORY
    assert video(generate(served, order(id="good", seed=3))) == want
    idle(served)


def test_a_batch_that_runs_out_of_memory_is_run_one_by_one(serve, monkeypatch):
    served = serve(rows=4)
    gate = Gate(monkeypatch)
    real = gate.real

    def tight(works):
        if len(works) > 1:
            raise RuntimeError("CUDA out of memory.")
        return real(works)

    gate.real = tight
    calls = [Call(served, order(id=str(i), seed=i)) for i in range(2)]
    wait(lambda: sum(served.engine.counts()[:2]) == 2)
    gate.open.set()
    for call in calls:
        assert list(call.replies)[-1].HasField("finished")
    assert 2 in gate.rows


def test_deadlines_that_cannot_be_met_are_refused_at_once(serve, monkeypatch):
    served = serve()
    gate = Gate(monkeypatch)
    for _ in range(3):
        served.engine.table.learn((64, 48), 1, 1.0)  # an order of three chunks of three forwards takes 9 s
        served.engine.table.learn(("decode", (64, 48)), 1, 1.0)  # and 1 s beside each, of which the last is waited for
    now = time.time_ns()
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(deadline=now + 9 * SECOND))
    assert failure(err.value).code == pb.CODE_LATE and "takes 10.0 s" in failure(err.value).reason
    call = Call(served, order(id="a", deadline=now + 1000 * SECOND))
    call.until("accepted")
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="b", deadline=time.time_ns() + 12 * SECOND))
    assert failure(err.value).code == pb.CODE_OVERLOADED and failure(err.value).retry_after > 0
    gate.open.set()
    assert list(call.replies)[-1].HasField("finished")


def test_what_is_done_of_an_order_loads_the_device_no_more(serve):
    served = serve()
    for _ in range(3):
        served.engine.table.learn((64, 48), 1, 1.0)
    call = Call(served, order(ack_window=1, deadline=time.time_ns() + 900 * SECOND))
    call.until("accepted")
    assert 0 < served.engine.counts()[2] <= 9 / 800
    call.until("chunk")
    wait(lambda: 0 < served.engine.counts()[2] < 7 / 800)  # two chunks of three are left
    call.send(pb.Ack(index=100))
    assert list(call.replies)[-1].HasField("finished")
    assert served.engine.counts()[2] == 0


def test_a_long_run_holds_no_more_at_its_end_than_at_its_beginning(sink_model):
    """What a session keeps: no cache, history, tail or position grows, and the picture stays one."""
    import torch

    from engine import snapshot
    from engine.session import Spec

    session = batch.start(sink_model, Spec("a red mug", 32, 32, seed=1, chunks=0))
    sizes, positions, frames = set(), set(), 0
    while frames < 800:
        session.done(work := session.work(), batch.forward([work])[0])
        assert work.kind is not Kind.RECACHE
        for pixels in batch.decode(session):
            frames += pixels.shape[1]
            assert torch.isfinite(pixels).all() and pixels.abs().max() <= 1 and pixels.std() > 1e-3
        if session.between and session.chunk >= 5:
            sizes.add(snapshot.bytes_of(snapshot.pack(session)[1]))
            positions.add(max(session.caches[0].slots.positions()))
    assert len(sizes) == 1 and positions == {1 + 6 + 3 - 1}


def test_noise_drawn_ahead_is_the_noise_that_is_asked_for(monkeypatch):
    """Whatever changes between the drawing and the asking."""
    import torch
    from dataclasses import replace

    from engine import session as sessions

    model = made(tiny())
    spec = sessions.Spec("a red mug", 32, 32, seed=7, chunks=3)

    def run(ahead: bool):
        session, out = batch.start(model, spec), []
        while (work := session.work()) is not None:
            answer = batch.forward([work])[0]
            if ahead:
                session.foresee()
            session.done(work, answer)
            out += batch.decode(session)
            if session.chunk == 1 and session.between:
                session.spec = replace(spec, seed=8)
        return torch.cat(out, 1)

    plain, drawn, real = run(False), [], sessions.seeded
    monkeypatch.setattr(sessions, "seeded", lambda *key: drawn.append(key) or real(*key))
    assert torch.equal(run(True), plain)
    assert len(drawn) == len(set(drawn)) == 3 * 2 + 1, "one for a seed that was given up, none twice"


def test_an_engine_whose_weights_are_broken_stays_up_to_say_which(tmp_path):
    import argparse

    from engine import __main__ as main
    from engine import rpc
    from engine.stats import Stats

    from .test_weights import written

    folder = written(tmp_path / "m", tiny())
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    service = rpc.Service("cpu")
    args = argparse.Namespace(**{**vars(main.arguments([])), "model": folder, "device": "cpu"})
    main._load(args, service, Stats(), contextlib.ExitStack())
    assert service.state == pb.STATE_FAILED and "model.safetensors" in service.reason


def test_the_tiers_hit_rates_are_told(serve):
    served = serve()
    for seed in (1, 2):
        generate(served, order(seed=seed, id=str(seed)))
    stats = served.stub.Stats(pb.StatsRequest()).values
    assert stats["liveclip_engine_cache_lookups{outcome=hit,tier=prompt}"] == 1
    assert stats["liveclip_engine_cache_lookups{outcome=miss,tier=prompt}"] == 1
    assert stats["liveclip_engine_cache_lookups{outcome=miss,tier=result}"] == 2
