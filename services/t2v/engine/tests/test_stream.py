"""What streaming promises: the cache changes nothing but the time it takes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine import batch, config
from engine.dit import Dit
from engine.kv import Cache, Slots
from engine.rope import Rope
from engine.session import Change, Kind, Spec

from .conftest import DIT, made, tiny
from .reference import NaiveStream, Reference

SPEC = Spec("a red mug", 32, 32, seed=7, chunks=3)


def stream(model, x, t, embedding, cache, commit):
    with torch.inference_mode():
        prompt = model.dits[0].prompt(embedding)
        out = model.dits[0](x[None], torch.tensor([[t]]), [prompt], [cache], commit)[0]
        if commit:
            cache.commit()
        return out


def new_cache(model, tokens=4, **slots):
    s = model.config.stream
    told = {"sinks": s.sinks, "window": s.window, "chunk": s.chunk, **slots}
    c = model.config.dit
    return Cache(model.dits[0].rope(), c.layers, tokens, c.heads, c.head_dim, Slots(**told), s.sink_threshold)


def test_chunks_over_the_cache_equal_full_block_causal_attention(causal_model):
    model = causal_model
    torch.manual_seed(1)
    x, embedding = torch.randn(4, 9, 4, 4), torch.randn(1, 8, 24)
    cache = new_cache(model)
    times = [0.0, 0.0, 731.0]
    got = torch.cat(
        [stream(model, x[:, i * 3 : i * 3 + 3], t, embedding, cache, t == 0) for i, t in enumerate(times)], 1
    )
    reference = Reference(DIT, model.dits[0].state_dict())
    sees = [[j // 3 <= i // 3 for j in range(9)] for i in range(9)]
    want = reference.whole(x.double().numpy(), np.repeat(times, 3), range(9), sees, embedding[0].double().numpy())
    assert np.abs(got.numpy() - want).max() < 1e-5
    later = [[j // 3 != 1 or i // 3 == 1 for j in range(9)] for i in range(9)]
    other = reference.whole(x.double().numpy(), np.repeat(times, 3), range(9), later, embedding[0].double().numpy())
    assert np.abs(got.numpy() - other).max() > 1e-2, "the comparison does not notice another mask"


@pytest.mark.parametrize("sinks", [0, 1, 2])
def test_the_ring_equals_a_plain_list_after_many_wraps(causal_model, sinks):
    model = causal_model
    torch.manual_seed(2)
    embedding = torch.randn(1, 8, 24)
    cache = new_cache(model, sinks=sinks, window=4, chunk=3)
    naive = NaiveStream(Reference(DIT, model.dits[0].state_dict()), sinks, 4)
    for i in range(14):  # 42 frames through at most 9 slots
        x = torch.randn(4, 3, 4, 4)
        for t, commit in ((400.0, False), (0.0, True)):
            got = stream(model, x, t, embedding, cache, commit)
            want = naive.chunk(x.double().numpy(), t, embedding[0].double().numpy(), commit)
            assert np.abs(got.numpy() - want).max() < 1e-5, f"chunk {i}"


def test_a_common_shift_in_time_changes_nothing():
    rope = Rope(32, 64)
    torch.manual_seed(3)
    q, k = torch.randn(2, 1, 1, 32), torch.randn(5, 1, 1, 32)
    pairs = rope.time_pairs * 2

    def scores(shift):
        a = rope.turn_time(q[..., :pairs], rope.time([5 + shift, 6 + shift]))
        b = rope.turn_time(k[..., :pairs], rope.time([i + shift for i in range(5)]))
        return torch.einsum("ftnd,gtnd->fg", a, b)

    assert torch.allclose(scores(0), scores(40), atol=1e-4)
    alone = rope.turn_time(k[..., :pairs], rope.time([i for i in range(5)]))
    moved = rope.turn_time(k[..., :pairs], rope.time([i + 40 for i in range(5)]))
    assert not torch.allclose(alone, moved, atol=1e-2), "a shift of one side alone must be seen"


def test_ten_thousand_frames_stay_in_the_table_and_a_naive_counter_does_not():
    slots = Slots(2, 12, 3)
    highest = 0
    while slots.frames < 10_000:
        positions = slots.positions()
        highest = max(highest, *positions)
        assert sorted(positions) == list(range(slots.used()))
        slots.commit()
    assert highest == 2 + 12 + 3 - 1
    rope = Rope(32, 1024)
    rope.time([highest])
    with pytest.raises(IndexError, match="position 1024 lies outside the 1024"):
        rope.time([1024])


def test_keys_turned_at_old_positions_break_when_positions_are_reset(causal_model):
    """Why temporal pairs are kept raw: a cache that keeps turned keys and restarts its count sees the past elsewhere."""
    model = causal_model
    torch.manual_seed(4)
    embedding, xs = torch.randn(1, 8, 24), torch.randn(6, 4, 3, 4, 4)
    right, naive = new_cache(model), new_cache(model)
    for x in xs[:5]:
        stream(model, x, 0.0, embedding, right, True)
        stream(model, x, 0.0, embedding, naive, True)
    pairs = naive.raw.shape[-1]
    stale = naive.rope.time([9] * naive.slots.total)
    for layer in range(2):
        naive.keys[layer, ..., :pairs] = naive.rope.turn_time(naive.raw[layer], stale)
    a, b = (stream(model, xs[5], 500.0, embedding, c, False) for c in (right, naive))
    assert (a - b).abs().max() > 1e-2


def test_adaptive_sinks_follow_what_is_shown_and_only_where_they_differ(causal_model):
    model = causal_model
    torch.manual_seed(5)
    embedding = torch.randn(1, 8, 24)
    kept = new_cache(model, sinks=1)
    kept.threshold = -1.0  # nothing is less alike than that
    moved = new_cache(model, sinks=1)
    moved.threshold = 1.1  # everything is
    x = torch.randn(5, 4, 3, 4, 4)
    for c in (kept, moved):
        first = None
        for chunk in x:
            stream(model, chunk, 0.0, embedding, c, True)
            first = c.values[0, c.slots.sunk[0]].clone() if first is None else first
        same = torch.equal(c.values[0, c.slots.sunk[0]], first)
        newest = torch.equal(c.values[0, c.slots.sunk[0]], c.values[0, c.slots.rolling[-1]])
        assert (same, newest) == ((True, False) if c is kept else (False, True))


def test_a_session_gives_as_many_frames_as_its_chunks_hold(causal_model):
    session = batch.start(causal_model, SPEC)
    frames = [v.shape[1] for v in batch.run(session)]
    assert frames == [9, 12, 12]
    assert session.finished and session.forwards == 3 * (2 + 1)


def test_neither_batch_nor_order_changes_a_result(causal_model):
    specs = [SPEC, replace(SPEC, prompt="a blue cup", seed=8), replace(SPEC, seed=9, chunks=2)]
    alone = [torch.cat(batch.run(batch.start(causal_model, s)), 1) for s in specs]
    for order in ([0, 1, 2], [2, 0, 1]):
        sessions = {i: batch.start(causal_model, specs[i]) for i in order}
        videos = {i: [] for i in order}
        while works := {i: w for i, s in sessions.items() if (w := s.work()) is not None}:
            same = [i for i, w in works.items() if w.batch_key == next(iter(works.values())).batch_key]
            for i, answer in zip(same, batch.forward([works[i] for i in same])):
                sessions[i].done(works[i], answer)
                videos[i] += batch.decode(sessions[i])
        for i in order:
            assert torch.allclose(torch.cat(videos[i], 1), alone[i], atol=1e-5)


def test_sessions_interleaved_at_random_give_what_each_gives_alone_bit_for_bit(causal_model):
    """Nothing leaks: another session's forwards between one's own change no bit of it."""
    specs = [replace(SPEC, prompt=p, seed=s) for s, p in enumerate(("one", "two", "three"))]
    alone = [torch.cat(batch.run(batch.start(causal_model, s)), 1) for s in specs]
    choose = random.Random(6)
    sessions = [batch.start(causal_model, s) for s in specs]
    videos = [[], [], []]
    while open_ := [i for i, s in enumerate(sessions) if s.work() is not None]:
        i = choose.choice(open_)
        work = sessions[i].work()
        sessions[i].done(work, batch.forward([work])[0])
        videos[i] += batch.decode(sessions[i])
    for video, want in zip(videos, alone):
        assert torch.equal(torch.cat(video, 1), want)


def test_seeds_chunks_and_steps_give_unrelated_noise():
    from engine.sampler import seeded

    keys = [(s, c, t) for s in (0, 1, 2**64 - 1) for c in (0, 1, 5000) for t in (0, 1)]
    drawn = [seeded((1000,), *key) for key in keys]
    assert all(torch.equal(d, seeded((1000,), *key)) for d, key in zip(drawn, keys))
    together = torch.corrcoef(torch.stack(drawn)) - torch.eye(len(keys))
    assert together.abs().max() < 0.15


@pytest.mark.parametrize("recache", [False, True])
def test_a_prompt_changes_at_its_chunk_and_not_before(causal_model, recache):
    def run(change):
        session = batch.start(causal_model, replace(SPEC, chunks=4))
        if change is not None:
            assert session.change(change) == 2
        videos, kinds = [], []
        while (work := session.work()) is not None:
            kinds.append(work.kind)
            session.done(work, batch.forward([work])[0])
            videos += batch.decode(session)
        return videos, kinds

    plain, _ = run(None)
    changed, kinds = run(Change(2, batch.read(causal_model, "a green box"), recache))
    same = [torch.equal(a, b) for a, b in zip(plain, changed)]
    assert same == [True, True, False, False]
    assert kinds.count(Kind.RECACHE) == (2 if recache else 0)


def test_recaching_under_the_same_prompt_changes_nothing_while_nothing_was_forgotten(causal_model):
    spec = replace(SPEC, chunks=3)
    plain = torch.cat(batch.run(batch.start(causal_model, spec)), 1)
    session = batch.start(causal_model, spec)
    session.change(Change(2, batch.read(causal_model, spec.prompt), True))
    assert torch.allclose(torch.cat(batch.run(session), 1), plain, atol=1e-5)


def test_a_change_for_a_chunk_in_hand_comes_with_the_next(causal_model):
    session = batch.start(causal_model, SPEC)
    work = session.work()
    session.done(work, batch.forward([work])[0])
    assert session.change(Change(0, batch.read(causal_model, "late"), False)) == 1


def test_a_few_steps_of_many_and_a_model_without_a_clean_pass():
    model = made(tiny(stream={"clean_pass": False, "steps": (1000.0, 750.0, 500.0, 250.0)}))
    session = batch.start(model, replace(SPEC, steps=2))
    batch.run(session)
    assert session.forwards == 3 * 2
    assert model.sampler(2).timesteps == [model.sampler(0).timesteps[i] for i in (0, 2)]


def test_restyling_noises_what_moves_less(causal_model):
    from engine.motion import Motion

    still, wild = torch.zeros(9, 3, 8, 8), torch.rand(9, 3, 8, 8) * 2 - 1
    assert Motion().strength(still) == pytest.approx(0.8)
    assert Motion().strength(wild) == pytest.approx(0.7)
    motion = Motion()
    motion.strength(still)
    assert motion.strength(wild) == pytest.approx(0.9 * 0.7 + 0.1 * 0.8)


def test_restyling_awaits_its_frames_and_follows_them(causal_model):
    def run(video):
        session = batch.start(causal_model, replace(SPEC, restyle=True, chunks=2, strength=0.3))
        assert session.work() is None and not session.finished
        session.feed(video[:8])
        assert session.work() is None
        session.feed(video[8:])
        return torch.cat(batch.run(session), 1)

    torch.manual_seed(8)
    a, b = torch.rand(21, 3, 32, 32), torch.rand(21, 3, 32, 32)
    assert run(a).shape == (3, 21, 32, 32)
    assert not torch.equal(run(a), run(b))


def test_guidance_keeps_two_caches_and_changes_the_picture():
    model = made(tiny(guidance=(3.0,)))
    session = batch.start(model, replace(SPEC, negative="blur"))
    assert len(session.caches) == 2 and session.work().x.shape[0] == 2
    guided = torch.cat(batch.run(session), 1)
    plain = torch.cat(batch.run(batch.start(model, replace(SPEC, guidance=1.0))), 1)
    assert not torch.allclose(guided, plain, atol=1e-3)


def test_tensor_counts_are_the_published_ones():
    for make, count, parameters in (
        (config.wan21_1_3b, 825, 1.419e9),
        (config.wan21_14b, 1095, 14.288e9),
        (config.wan22_a14b, 1095, 14.288e9),
        (config.wan22_5b, 825, 5.000e9),
    ):
        told = make()
        tensors = Dit(told.dit, "meta").state_dict()
        assert len(tensors) == count == 27 * told.dit.layers + 15
        assert sum(t.numel() for t in tensors.values()) == pytest.approx(parameters, rel=1e-3)
    assert config.causal(config.wan21_1_3b()).stream.window == 18
