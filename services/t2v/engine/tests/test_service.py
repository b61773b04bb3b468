"""What the service promises its clients, over a real connection."""

from __future__ import annotations

import queue
import subprocess
import threading
import time

import grpc
import pytest
from google.rpc.status_pb2 import Status

from engine import batch
from engine.v1 import engine_pb2 as pb

SECOND = 10**9


def order(**fields) -> pb.Order:
    told = {"id": "c1/1/0", "prompt": "a red mug", "width": 64, "height": 48, "frame_rate": 16, "length": 2 * SECOND}
    return pb.Order(**{**told, "seed": 7, "tenant": "t", **fields})


def requests(*messages):
    for m in messages:
        name = {pb.Order: "order", pb.PromptChange: "change", pb.Ack: "ack", pb.Pause: "pause", pb.Frames: "frames"}[
            type(m)
        ]
        yield pb.GenerateRequest(**{name: m})


def generate(served, *messages) -> list[pb.GenerateReply]:
    return list(served.stub.Generate(requests(*messages), timeout=120))


def video(replies) -> bytes:
    return b"".join(r.chunk.data for r in replies if r.HasField("chunk"))


def failure(err: grpc.RpcError) -> pb.Failure:
    """What the trailing details say."""
    raw = dict(err.trailing_metadata())["grpc-status-details-bin"]
    out = pb.Failure()
    assert Status.FromString(raw).details[0].Unpack(out)
    return out


def probe(data: bytes, tmp_path) -> list[str]:
    file = tmp_path / "x.mp4"
    file.write_bytes(data)
    ask = "stream=codec_name,width,height,nb_read_frames,avg_frame_rate"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", ask, "-of", "csv=p=0", str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split(",")


class Call:
    """A call whose requests are sent one by one."""

    def __init__(self, served, *first):
        self._queue: queue.Queue = queue.Queue()
        self.replies = served.stub.Generate(iter(self._queue.get, None), timeout=120)
        self.send(*first)

    def send(self, *messages):
        for m in requests(*messages):
            self._queue.put(m)

    def close(self):
        self._queue.put(None)

    def until(self, kind: str):
        return next(r for r in self.replies if r.HasField(kind))


def idle(served, timeout=120.0):
    """Waits until no session is left; fails when one stays."""
    until = time.monotonic() + timeout
    while served.engine.counts()[:2] != (0, 0):
        assert time.monotonic() < until, "a session was not freed"
        time.sleep(0.01)
    assert served.engine.taken() == 0


def test_an_order_becomes_a_playable_video_of_its_length_and_size(serve, tmp_path):
    served = serve()
    for rate, frames in ((16, 32), (25, 50), (8, 16)):
        replies = generate(served, order(frame_rate=rate, id=f"r{rate}"))
        assert replies[0].HasField("accepted") and replies[-1].finished.frames == frames
        assert probe(video(replies), tmp_path) == ["h264", "64", "48", f"{rate}/1", str(frames)]
        chunks = [r.chunk for r in replies if r.HasField("chunk")]
        assert [c.index for c in chunks] == list(range(len(chunks)))
        assert chunks[0].data[4:8] == b"ftyp" and all(c.data[4:8] == b"moof" for c in chunks[1:])
        assert chunks[-1].end == 2 * SECOND and all(a.end == b.start for a, b in zip(chunks, chunks[1:]))


def test_a_size_that_the_model_does_not_make_is_cut_from_the_next_it_does(serve, tmp_path):
    assert probe(video(generate(serve(), order(width=50, height=38, length=SECOND // 2))), tmp_path)[1:3] == [
        "50",
        "38",
    ]


def test_the_same_order_again_is_the_same_result_at_once(serve):
    served = serve()
    first, again = generate(served, order()), generate(served, order())
    assert video(first) == video(again)
    assert not first[-1].finished.result_hit
    assert again[-1].finished.result_hit and again[-1].finished.forwards == 0
    other = generate(served, order(tenant="u"))
    assert not other[-1].finished.result_hit and other[-1].finished.forwards > 0, "what a tenant made is its own"
    assert video(other) == video(first), "the same weights, prompt and seed are the same pictures"


@pytest.mark.parametrize(
    "fields, code, grpc_code, words",
    [
        ({"prompt": "x" * (100 << 10)}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "longer than 64 KB"),
        ({"prompt": " "}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "no prompt"),
        ({"width": 0}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "a side is 16 to 4096"),
        ({"width": 1 << 40}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "a side is 16 to 4096"),
        ({"height": 49}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "even sides"),
        ({"frame_rate": float("nan")}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "frame rate"),
        ({"length": -1}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "a length of"),
        ({"steps": 3}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "3 steps"),
        ({"guidance": float("inf")}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "guidance"),
        ({"model": "gpt"}, pb.CODE_UNKNOWN_MODEL, "NOT_FOUND", "model gpt is not here, test is"),
        ({"session": "nobody's"}, pb.CODE_UNKNOWN_SESSION, "NOT_FOUND", "nobody's is not here"),
        ({"deadline": 1}, pb.CODE_LATE, "DEADLINE_EXCEEDED", "its deadline is in 0.0 s"),
        ({"template": "t", "opening": pb.Opening(chunks=9)}, pb.CODE_BAD_INPUT, "INVALID_ARGUMENT", "are the whole"),
        ({"width": 4096, "height": 4096}, pb.CODE_TOO_LARGE, "FAILED_PRECONDITION", "this device has"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(serve, fields, code, grpc_code, words):
    served = serve(memory=64 << 20)
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(**fields))
    assert err.value.code().name == grpc_code
    assert failure(err.value).code == code and words in failure(err.value).reason
    idle(served)


def test_a_call_that_begins_with_anything_but_an_order_is_refused(serve):
    served = serve()
    for messages in ((), (pb.Ack(index=1),)):
        with pytest.raises(grpc.RpcError) as err:
            generate(served, *messages)
        assert "an order comes first" in err.value.details()


def test_an_order_is_canceled_between_two_forwards_and_its_session_freed(serve):
    served = serve()
    call = Call(served, order(endless=True))
    call.until("chunk")
    assert served.stub.Cancel(pb.CancelRequest(id="c1/1/0")).found
    with pytest.raises(grpc.RpcError) as err:
        list(call.replies)
    assert failure(err.value).code == pb.CODE_CANCELED
    idle(served)
    assert not served.stub.Cancel(pb.CancelRequest(id="c1/1/0")).found
    before = served.engine.stats.values()["liveclip_engine_forwards_total"]
    generate(served, order(length=SECOND // 4))
    assert served.engine.stats.values()["liveclip_engine_forwards_total"] == before + 3, "nothing else ran on"


def test_a_client_that_vanishes_frees_its_session_and_others_go_on(serve):
    served = serve()
    want = video(generate(served, order(id="alone", seed=1)))
    call = Call(served, order(endless=True))
    call.until("chunk")
    call.replies.cancel()
    served.engine.tiers.results.clear()
    assert video(generate(served, order(id="alone", seed=1))) == want
    idle(served)


def test_a_client_that_never_acknowledges_holds_its_session_only_for_so_long(serve):
    served = serve(patience=2.0)
    call = Call(served, order(endless=True, ack_window=2))
    assert [call.until("chunk").chunk.index for _ in range(2)] == [0, 1]
    with pytest.raises(grpc.RpcError) as err:
        list(call.replies)
    assert failure(err.value).code == pb.CODE_SLOW_CLIENT
    idle(served)


def test_acknowledged_chunks_make_room_for_the_next(serve):
    served = serve()
    call = Call(served, order(endless=True, ack_window=1))
    for i in range(4):
        assert call.until("chunk").chunk.index == i
        call.send(pb.Ack(index=i))
    call.close()
    assert [r for r in call.replies][-1].HasField("finished"), "an endless order ends when its requests do"
    idle(served)


def test_a_pause_stops_the_chunks_until_it_is_over(serve):
    served = serve(ahead=1)
    call = Call(served, order(endless=True))
    call.until("chunk")
    call.send(pb.Pause(paused=True))
    job = served.engine.find("c1/1/0")
    while not job.paused or job.pending or job.session.amid:
        time.sleep(0.01)
    forwards = served.engine.stats.values()["liveclip_engine_forwards_total"]
    served.engine.ask(lambda: True)
    served.engine.ask(lambda: True)
    assert served.engine.stats.values()["liveclip_engine_forwards_total"] == forwards
    call.send(pb.Pause(paused=False))
    at = job.chunks
    while call.until("chunk").chunk.index < at:
        pass
    call.close()
    list(call.replies)


def test_running_out_of_memory_in_the_middle_ends_one_order_and_no_other(serve, monkeypatch):
    served = serve()
    want = video(generate(served, order(id="good", seed=3, length=4 * SECOND)))
    served.engine.tiers.results.clear()
    real, calls = batch.forward, []

    def forward(works):
        bad = [w for w in works if w.x.shape[-1] == 10]  # the wide one's
        calls.append(len(works))
        if bad and len(calls) > 4:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(works)

    monkeypatch.setattr(batch, "forward", forward)
    wide = Call(served, order(id="wide", width=80, endless=True))
    wide.until("accepted")
    assert video(generate(served, order(id="good", seed=3, length=4 * SECOND))) == want
    with pytest.raises(grpc.RpcError) as err:
        list(wide.replies)
    assert err.value.code().name == "RESOURCE_EXHAUSTED" and failure(err.value).code == pb.CODE_OUT_OF_MEMORY
    idle(served)


def test_a_device_that_is_lost_is_said_and_nothing_hangs(serve, monkeypatch):
    served = serve()

    def forward(works):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    monkeypatch.setattr(batch, "forward", forward)
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order())
    assert failure(err.value).code in (pb.CODE_INTERNAL, pb.CODE_DRAINING)
    assert served.engine.ended.wait(10)
    health = served.stub.Health(pb.HealthRequest())
    assert health.state == pb.STATE_FAILED and "illegal memory access" in health.reason
    with pytest.raises(grpc.RpcError):
        generate(served, order(id="next"))


def test_a_fault_of_the_loop_ends_what_runs_and_the_next_order_is_carried_out(serve, monkeypatch):
    served = serve()
    real, faults = served.engine._forward, [ValueError("a bug")]
    monkeypatch.setattr(served.engine, "_forward", lambda: (_ for _ in ()).throw(faults.pop()) if faults else real())
    try:
        generate(served, order(endless=True), pb.Pause(paused=True))
    except grpc.RpcError as err:
        assert failure(err).code == pb.CODE_INTERNAL
    assert generate(served, order(id="next"))[-1].HasField("finished")


def test_an_encoder_that_dies_ends_its_order_and_no_other(serve, monkeypatch):
    from engine import finish

    served = serve()
    made = []
    real = finish.Encoder
    monkeypatch.setattr(finish, "Encoder", lambda form: made.append(real(form)) or made[-1])
    call = Call(served, order(endless=True))
    call.until("chunk")
    made[0].kill()
    with pytest.raises(grpc.RpcError) as err:
        list(call.replies)
    assert failure(err.value).code == pb.CODE_INTERNAL and "ffmpeg ended" in failure(err.value).reason
    idle(served)
    assert generate(served, order(id="next"))[-1].HasField("finished")


def test_an_order_whose_deadline_passes_is_ended(serve):
    served = serve()
    call = Call(served, order(endless=True, ack_window=1, deadline=time.time_ns() + SECOND))
    with pytest.raises(grpc.RpcError) as err:
        list(call.replies)
    assert failure(err.value).code == pb.CODE_LATE
    idle(served)


def test_a_client_that_orders_nothing_is_hung_up_on(serve):
    served = serve(patience=2.0)
    with pytest.raises(grpc.RpcError) as err:
        list(Call(served).replies)
    assert err.value.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INVALID_ARGUMENT)
    assert generate(served, order(length=SECOND // 4))[-1].HasField("finished")


def test_a_full_queue_refuses_and_says_when_to_come_again(serve):
    served = serve(running=1, queued=1)
    first = Call(served, order(id="a", endless=True))
    first.until("chunk")
    second = Call(served, order(id="b", length=SECOND // 4))
    assert second.until("accepted").accepted.position == 1
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="c"))
    assert err.value.code().name == "UNAVAILABLE"
    assert failure(err.value).code == pb.CODE_OVERLOADED and failure(err.value).retry_after > 0
    first.close()
    assert list(second.replies)[-1].HasField("finished")
    list(first.replies)
    idle(served)


def test_what_does_not_fit_beside_what_runs_waits_instead_of_running_out(serve):
    served = serve()
    need = served.engine.estimate.bytes(orders_read(served, order()))
    served.engine.limits = served.engine.limits.__class__(memory=int(need * 1.5))
    first = Call(served, order(id="a", endless=True))
    first.until("chunk")
    second = Call(served, order(id="b", length=SECOND // 4))
    assert second.until("accepted").accepted.position == 1
    served.engine.ask(lambda: True)
    assert served.engine.counts()[:2] == (1, 1) and served.engine.taken() <= served.engine.limits.memory
    first.replies.cancel()
    assert list(second.replies)[-1].HasField("finished")


def orders_read(served, told):
    from engine import orders

    return orders.read(served.engine.model, told)


def test_a_prompt_change_shows_from_its_chunk_on(serve):
    served = serve()
    plain = generate(served, order(length=3 * SECOND))
    changed = generate(
        served, order(id="x", length=3 * SECOND, keep=True), pb.PromptChange(chunk=2, prompt="a blue box")
    )
    chunks = [[r.chunk.data for r in replies if r.HasField("chunk")] for replies in (plain, changed)]
    assert [a == b for a, b in zip(*chunks)][:2] == [True, True] and chunks[0][2] != chunks[1][2]


def test_an_opening_from_the_cache_is_sent_before_anything_is_computed_and_goes_on_alike(serve):
    served = serve()
    opening = pb.Opening(prompt="a curtain rises", seed=1, chunks=2)
    told = order(template="sale", opening=opening, length=3 * SECOND)
    miss = generate(served, told)
    served.engine.tiers.results.clear()
    hit = generate(served, told)
    assert not miss[-1].finished.opening_hit and hit[-1].finished.opening_hit
    assert hit[-1].finished.forwards == miss[-1].finished.forwards and video(miss) == video(hit)
    assert [r.chunk.cached for r in hit if r.HasField("chunk")] == [True, True, False, False, False]
    other = generate(served, order(id="o", prompt="a green hat", template="sale", opening=opening, length=3 * SECOND))
    mine, theirs = ([r.chunk.data for r in replies if r.HasField("chunk")] for replies in (hit, other))
    assert mine[:2] == theirs[:2] and mine[2] != theirs[2]
    again = served.stub.Warm(pb.WarmRequest(opening=told), timeout=120)
    assert again.known and again.bytes > 0
    fresh = served.stub.Warm(pb.WarmRequest(opening=order(template="new", opening=opening)), timeout=120)
    assert not fresh.known and fresh.bytes > 0


def test_a_kept_opening_waits_for_nobody(serve):
    served = serve(running=1)
    opening = pb.Opening(prompt="a curtain rises", seed=1, chunks=1)
    served.stub.Warm(pb.WarmRequest(opening=order(template="sale", opening=opening)), timeout=120)
    busy = Call(served, order(id="busy", endless=True))
    busy.until("chunk")
    call = Call(served, order(template="sale"))
    assert call.until("accepted").accepted.position == 1
    assert call.until("chunk").chunk.cached, "it is sent while another order holds the device"
    busy.replies.cancel()
    assert list(call.replies)[-1].finished.opening_hit


def test_an_order_that_is_being_carried_out_is_not_begun_twice(serve):
    served = serve()
    call = Call(served, order(endless=True))
    call.until("chunk")
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order())
    assert failure(err.value).code == pb.CODE_OVERLOADED and failure(err.value).retry_after > 0
    call.replies.cancel()
    idle(served)


def test_an_order_names_a_template_that_was_warmed_and_begins_as_it_does(serve):
    served = serve()
    opening = pb.Opening(prompt="a curtain rises", seed=1, chunks=1)
    served.stub.Warm(pb.WarmRequest(opening=order(template="sale", opening=opening)), timeout=120)
    named = generate(served, order(template="sale"))
    assert named[-1].finished.opening_hit
    assert video(generate(served, order(id="x", template="sale", opening=opening, keep=True))) == video(named)
    for other in (order(id="a", tenant="u", template="sale"), order(id="b", template="none")):
        assert not generate(served, other)[-1].finished.opening_hit, "a template is its tenant's"
    short = generate(served, order(id="c", template="sale", length=SECOND // 4))
    assert not short[-1].finished.opening_hit and short[-1].finished.frames == 4


def test_the_cache_changes_no_pixel(serve):
    """An opening computed and left is the same as the prompts given by hand."""
    import torch

    served = serve()
    model = served.engine.model
    from dataclasses import replace

    from engine.session import Change, Spec

    told = order(
        template="sale", opening=pb.Opening(prompt="one", seed=1, chunks=1), prompt="two", seed=2, length=2 * SECOND
    )
    spec = Spec("one", 64, 48, seed=1, chunks=3)
    session = batch.start(model, spec)
    session.change(Change(1, batch.read(model, "two"), False))
    by_hand = []
    while (work := session.work()) is not None:
        session.done(work, batch.forward([work])[0])
        by_hand += batch.decode(session)
        if session.chunk == 1 and session.between:
            session.spec = replace(spec, seed=2)
    from engine import finish

    seen = []
    real = finish.to_bytes
    finish.to_bytes = lambda pixels: (seen.append(pixels.clone()), real(pixels))[1]
    try:
        generate(served, told)
        served.engine.tiers.results.clear()
        generate(served, told)
    finally:
        finish.to_bytes = real
    assert len(seen) == 3 + 2
    for got, want in zip(seen, [*by_hand, *by_hand[1:]]):
        assert torch.equal(got, want)


def test_a_snapshot_resumes_bit_for_bit(serve, tmp_path):
    served = serve(snapshots=tmp_path)
    call = Call(served, order(id="whole", length=5 * SECOND, ack_window=2))
    name = call.until("accepted").accepted.session
    call.until("chunk")
    token = served.stub.Snapshot(pb.SnapshotRequest(session=name), timeout=120)
    assert token.bytes > 0 and token.chunk >= 1
    call.send(pb.Ack(index=1000))
    rest_of_first = list(call.replies)
    resumed = served.stub.Resume(pb.ResumeRequest(snapshot=token.snapshot), timeout=120)
    assert resumed.chunk == token.chunk
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="thief", session=resumed.session, tenant="other"))
    assert failure(err.value).code == pb.CODE_UNKNOWN_SESSION
    chunks = 7 - token.chunk
    rest = generate(served, order(id="rest", session=resumed.session, length=int(chunks * 12 / 16 * SECOND)))
    assert rest_of_first[-1].HasField("finished") and rest[-1].finished.frames == chunks * 12
    for bad in ("nobody", "../../etc/passwd", ""):
        with pytest.raises(grpc.RpcError) as err:
            served.stub.Resume(pb.ResumeRequest(snapshot=bad), timeout=120)
        assert failure(err.value).code == pb.CODE_UNKNOWN_SESSION


def test_a_kept_session_goes_on_in_a_later_order(serve):
    served = serve()
    first = generate(served, order(keep=True))
    name = first[0].accepted.session
    more = generate(served, order(id="more", session=name, length=SECOND))
    assert more[-1].finished.frames == 16
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="again", session=name))
    assert failure(err.value).code == pb.CODE_UNKNOWN_SESSION, "a session goes on once"


def test_restyling_sends_as_many_frames_as_it_was_fed_whole_chunks_of(serve):
    served = serve()
    frame = bytes(64 * 48 * 3)
    replies = generate(
        served, order(restyle=True, endless=True, strength=0.5), pb.Frames(rgb=frame * 20), pb.Frames(rgb=frame * 5)
    )
    assert replies[-1].finished.frames == 9 + 12
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(restyle=True, endless=True), pb.Frames(rgb=frame[:-1]))
    assert "no whole frames" in failure(err.value).reason
    idle(served)


def test_concurrent_orders_share_forwards_and_give_what_each_gives_alone(serve):
    served = serve(rows=4)
    told = [order(id=str(i), seed=i, prompt=f"mug {i}") for i in range(3)]
    alone = [video(generate(served, t)) for t in told]
    served.engine.tiers.results.clear()
    got: dict[int, bytes] = {}

    def one(i):
        got[i] = video(generate(served, told[i]))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {i: len(v) > 0 for i, v in got.items()} == {0: True, 1: True, 2: True}
    # pixels are equal but for rounding; H.264 of both is nearly of one size
    assert all(abs(len(got[i]) - len(alone[i])) < 0.05 * len(alone[i]) for i in range(3))


def test_health_tells_every_state_and_only_a_ready_engine_takes_orders(serve):
    served = serve()
    health = served.stub.Health(pb.HealthRequest())
    assert (health.ready, health.state, list(health.models)) == (True, pb.STATE_READY, ["test"])
    assert health.memory == health.free_memory == 1 << 30 and health.version == served.engine.model.fingerprint
    served.service.engine, engine = None, served.service.engine
    for state, code in (
        (pb.STATE_LOADING, pb.CODE_NOT_READY),
        (pb.STATE_WARMING, pb.CODE_NOT_READY),
        (pb.STATE_DRAINING, pb.CODE_DRAINING),
        (pb.STATE_FAILED, pb.CODE_BAD_MODEL),
    ):
        served.service.state, served.service.reason = state, "so it is"
        assert served.stub.Health(pb.HealthRequest()).state == state
        with pytest.raises(grpc.RpcError) as err:
            generate(served, order())
        assert failure(err.value).code == code
    served.service.engine = engine


def test_a_drain_ends_what_was_accepted_and_refuses_what_is_new(serve):
    served = serve()
    call = Call(served, order(length=3 * SECOND))
    call.until("chunk")
    drain = threading.Thread(target=served.engine.drain, args=(30,))
    drain.start()
    while not served.engine.draining:
        time.sleep(0.001)
    with pytest.raises(grpc.RpcError) as err:
        generate(served, order(id="new"))
    assert failure(err.value).code == pb.CODE_DRAINING
    assert list(call.replies)[-1].HasField("finished")
    drain.join()


def test_stats_count_what_was_done(serve):
    served = serve()
    generate(served, order())
    stats = served.stub.Stats(pb.StatsRequest())
    assert stats.values["liveclip_engine_orders_total{outcome=done}"] == 1
    assert stats.values["liveclip_engine_frames_total"] == 32
    assert stats.values["liveclip_engine_forwards_total"] == 3 * 3
    assert any(row.samples == 9 for row in stats.latency)
