"""Autoencoder, samplers, experts, snapshots: each held to what it stands for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from engine import batch, config, model, sampler, snapshot
from engine.dit import Dit
from engine.session import BadOrder, Change, Spec
from engine.vae import Vae

from .conftest import VAE, bidirectional, made, tiny
from .test_weights import VAE22

SPEC = Spec("a red mug", 32, 32, seed=7, chunks=6)


def randomised(vae_config) -> Vae:
    torch.manual_seed(0)
    return model._random(Vae(vae_config, "meta"), "cpu", torch.float32)


@pytest.mark.parametrize("vae_config", [VAE, VAE22], ids=["2.1", "2.2"])
def test_a_stream_is_decoded_and_encoded_as_the_whole_is(vae_config):
    vae = randomised(vae_config)
    torch.manual_seed(1)
    with torch.no_grad():
        z = torch.randn(1, 4, 7, 4, 4)
        whole = vae.decode(z, {})
        assert whole.shape[2] == 1 + 6 * vae_config.time_stride
        for cuts in ([1] * 7, [3, 3, 1], [2, 5]):
            tails: dict = {}
            parts = [vae.decode(part, tails) for part in z.split(cuts, 2)]
            assert torch.allclose(torch.cat(parts, 2), whole, atol=1e-5)
        frames = whole
        code = vae.encode(frames, {})
        assert code.shape == z.shape
        tails = {}
        parts = [vae.encode(part, tails) for part in frames.split([1, 4, 12, 8], 2)]
        assert torch.allclose(torch.cat(parts, 2), code, atol=1e-5)
        apart = [vae.decode(part, {}) for part in z.split([3, 4], 2)]
        assert apart[1].shape[2] < whole.shape[2] - apart[0].shape[2], "without its tail a stream begins again"


def test_no_frame_depends_on_a_later_one():
    vae = randomised(VAE)
    torch.manual_seed(2)
    with torch.no_grad():
        z = torch.randn(1, 4, 5, 4, 4)
        other = z.clone()
        other[:, :, 3:] += 1
        a, b = vae.decode(z, {}), vae.decode(other, {})
        assert torch.equal(a[:, :, :9], b[:, :, :9]) and not torch.equal(a[:, :, 9:], b[:, :, 9:])


def test_a_causal_convolution_is_a_plain_one_over_zeros_and_the_past():
    vae = randomised(VAE)
    conv = vae.decoder.conv1
    x = torch.randn(1, 4, 6, 4, 4)
    padded = F.pad(x, (1, 1, 1, 1, 2, 0))
    want = F.conv3d(padded, conv.weight, conv.bias)
    tails: dict = {}
    got = torch.cat([conv(x[:, :, :1], tails), conv(x[:, :, 1:2], tails), conv(x[:, :, 2:], tails)], 2)
    assert torch.allclose(got, want, atol=1e-5)


def test_samplers_solve_a_flow_whose_answer_is_known():
    """Data of one normal distribution N(m, s²): the best velocity is known, and so is where every noise ends."""
    m, s = 0.7, 0.5

    def velocity(x, t):
        level = t / 1000
        mean, var = (1 - level) * m, ((1 - level) * s) ** 2 + level**2
        noise = level * (x - mean) / var
        clean = m + (1 - level) * s**2 * (x - mean) / var
        return noise - clean

    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    errors = {}
    for kind in ("euler", "unipc"):
        for steps in (8, 16, 32):
            plan = sampler.schedule(kind, steps, 1.0)
            plan.timesteps = [1000 * sigma for sigma in plan.sigmas[:-1]]  # exact, so that only the solver errs
            first = plan.sigmas[0]
            state = sampler.State((1 - first) * m + math.sqrt(((1 - first) * s) ** 2 + first**2) * x)
            for t in plan.timesteps:
                plan.advance(state, velocity(state.x, t), lambda step: torch.zeros(()))
            errors[kind, steps] = float((state.x - (m + s * x)).abs().max())
    assert errors["euler", 32] < errors["euler", 16] < errors["euler", 8]
    assert errors["unipc", 32] < errors["unipc", 16] < errors["unipc", 8]
    assert all(errors["unipc", n] < errors["euler", n] / 2 for n in (8, 16, 32)), errors


def test_schedules_are_the_published_ones():
    assert sampler.few((1000.0, 750.0, 500.0, 250.0), 5.0).timesteps == pytest.approx(
        [1000, 937.5, 833.333, 625], abs=1e-2
    )
    assert sampler.schedule("unipc", 4, 5.0).timesteps == [999.0, 937.0, 833.0, 624.0]
    assert sampler.schedule("euler", 4, 1.0).sigmas == [1.0, 0.75, 0.5, 0.25, 0.0]
    told = sampler.restyling(sampler.few((1000.0, 750.0, 500.0, 250.0), 1.0), 0.6)
    assert told.sigmas == [0.6, 0.5, 0.25, 0.0]


def test_few_steps_noise_anew_with_noise_of_their_own():
    plan, asked = sampler.few((1000.0, 500.0), 1.0), []
    state = sampler.State(torch.full((3,), 2.0))
    plan.advance(state, torch.full((3,), 1.0), lambda step: asked.append(step) or torch.full((3,), 10.0))
    assert asked == [1] and state.x.tolist() == [5.5] * 3
    plan.advance(state, torch.full((3,), 1.0), lambda step: asked.append(step) or torch.zeros(3))
    assert asked == [1] and state.x.tolist() == [5.0] * 3


def test_the_expert_changes_at_its_boundary():
    two = made(bidirectional(experts=True, guidance=(3.0, 4.0), boundary=0.875, shift=1.0, steps=8))
    high, low = two.dits
    assert [two.dit(t) is high for t in (1000.0, 875.0, 874.9, 0.0)] == [True, True, False, False]
    assert [two.guidance(t) for t in (875.0, 874.0)] == [4.0, 3.0]
    session = batch.start(two, replace(SPEC, chunks=3))
    seen = []
    while (work := session.work()) is not None:
        seen.append("high" if work.dit is high else "low")
        session.done(work, batch.forward([work])[0])
    assert seen == ["high" if t >= 875 else "low" for t in session.sampler.timesteps] and set(seen) == {"high", "low"}


def test_a_bidirectional_model_makes_its_clip_in_one_piece():
    plain = made(bidirectional())
    video = batch.run(batch.start(plain, replace(SPEC, chunks=3)))
    assert [v.shape for v in video] == [(3, 9, 32, 32)]
    with pytest.raises(BadOrder, match="no endless video"):
        batch.start(plain, replace(SPEC, chunks=0))
    with pytest.raises(BadOrder, match="at most 81 frames"):
        batch.start(plain, replace(SPEC, chunks=22))


@pytest.mark.parametrize("stream", [{}, {"sinks": 1, "sink_threshold": 0.9}, {"sinks": 2, "window": 4}], ids=str)
@pytest.mark.parametrize("at", [1, 4])
def test_a_snapshot_goes_on_bit_for_bit(stream, at):
    one = made(tiny(stream=stream, guidance=(2.0,)))
    change = Change(5, batch.read(one, "later"), True)
    session = batch.start(one, SPEC)
    session.change(change)
    videos, raw = [], b""
    while (work := session.work()) is not None:
        session.done(work, batch.forward([work])[0])
        videos += batch.decode(session)
        if session.chunk == at and session.between and not raw:
            raw = snapshot.to_bytes(*snapshot.pack(session))
    again = snapshot.unpack(*snapshot.from_bytes(raw), one, lambda prompt: batch.read(one, prompt))
    assert again.forwards < session.forwards
    rest = batch.run(again)
    assert len(rest) == 6 - at and all(torch.equal(a, b) for a, b in zip(rest, videos[at:]))


def test_restyling_is_resumed_bit_for_bit_with_the_frames_that_waited(causal_model):
    torch.manual_seed(3)
    frames = torch.rand(9 + 12 * 3, 3, 32, 32) * 2 - 1
    spec = replace(SPEC, restyle=True, chunks=4)
    session = batch.start(causal_model, spec)
    session.feed(frames)
    videos, raw = [], b""
    while (work := session.work()) is not None:
        session.done(work, batch.forward([work])[0])
        videos += batch.decode(session)
        if session.chunk == 2 and session.between and not raw:
            raw = snapshot.to_bytes(*snapshot.pack(session))
    again = snapshot.unpack(*snapshot.from_bytes(raw), causal_model, lambda prompt: batch.read(causal_model, prompt))
    assert all(torch.equal(a, b) for a, b in zip(batch.run(again), videos[2:]))


def test_snapshots_of_another_model_and_broken_ones_are_refused(causal_model):
    session = batch.start(causal_model, SPEC)
    work = session.work()
    with pytest.raises(BadOrder, match="between two chunks"):
        snapshot.pack(session)
    batch.run(session)
    meta, tensors = snapshot.pack(session)
    read = lambda prompt: batch.read(causal_model, prompt)  # noqa: E731
    with pytest.raises(snapshot.BadSnapshot, match="this is random-test-1"):
        snapshot.unpack(meta, tensors, made(tiny(), seed=1), read)
    raw = snapshot.to_bytes(meta, tensors)
    for bad in (b"", raw[: len(raw) // 2], b"x" * 100, raw.replace(b'"session"', b'"sessiom"', 1)):
        with pytest.raises(snapshot.BadSnapshot, match="broken"):
            snapshot.from_bytes(bad)
    with pytest.raises(snapshot.BadSnapshot, match="broken"):
        snapshot.unpack({**meta, "cursors": []}, tensors, causal_model, read)
    assert work is not None


def test_weights_in_half_the_bits_keep_what_must_be_exact_in_full():
    dit = model._random(Dit(tiny().dit, "meta"), "cpu", torch.float32).compute_in(torch.bfloat16)
    assert dit.dtype == torch.bfloat16
    full = {n for n, p in dit.named_parameters() if p.dtype == torch.float32}
    assert {"time_embedding.0.weight", "blocks.0.modulation", "blocks.1.self_attn.norm_q.weight"} <= full
    assert "blocks.0.self_attn.q.weight" not in full
    prompt = dit.prompt(torch.randn(1, 8, 24))
    out = dit(torch.randn(1, 4, 3, 4, 4), torch.tensor([[500.0]]), [prompt])
    assert out.dtype == torch.float32 and torch.isfinite(out).all()


def test_timesteps_may_differ_by_frame_and_by_token():
    dit = model._random(Dit(tiny().dit, "meta"), "cpu", torch.float32)
    prompt = dit.prompt(torch.randn(1, 8, 24))
    x = torch.randn(1, 4, 3, 4, 4)
    one = dit(x, torch.tensor([[500.0]]), [prompt])
    for groups in (3, 12):
        assert torch.allclose(dit(x, torch.full((1, groups), 500.0), [prompt]), one, atol=1e-5)
    assert not torch.allclose(dit(x, torch.tensor([[0.0, 500.0, 500.0]]), [prompt]), one, atol=1e-3)


def test_presets_are_what_they_say():
    assert config.wan21_1_3b().tokens(832, 480) == 1560
    assert config.wan21_14b().tokens(1280, 720) == 3600
    assert config.wan22_5b().tokens(1280, 704) == 880
