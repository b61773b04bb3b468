"""The benchmark's grid, which is for a GPU, runs here on a small case: every part of it, by the same code."""

from __future__ import annotations

import pytest
import torch

from engine import attn, config, finish
from engine.bench import grid, small
from engine.bench.measure import Driven, crowds

from .conftest import VAE, made, tiny
from .test_service import order

SMALL = config.TextConfig(1, 24, 2, 24, 32, 400, max_len=8)
CASE = grid.Case("small", tiny(text=SMALL, stream={"window": 6}), 64, 48, windows=(3, 9), steps=(2,))
AT = grid.Place("cpu", torch.float32, turns=2, product=64, chunks=4, seconds=0.5, crowd=(2,))


@pytest.mark.parametrize("part", grid.PARTS)
def test_every_part_of_the_grid_runs(part, monkeypatch):
    monkeypatch.setattr(grid.shutil, "which", lambda name: None)
    rows = grid.PARTS[part]((CASE,), AT)
    assert part != "whole" or "no ffmpeg here" in rows[0][0]
    assert rows and all(len(row) == 3 and row[0] and row[1] for row in rows)
    assert not any("nan" in text or "inf " in text for row in rows for text in row)


def test_the_published_sizes_are_counted_as_they_are_published():
    counted = {case.name: grid.flops(case, 12) / 1e12 for case in grid.CASES}
    assert counted == {
        "1.3B 480p": pytest.approx(28.3, rel=0.01),
        "5B 704p": pytest.approx(33.7, rel=0.01),
        "14B 480p": pytest.approx(186, rel=0.01),
    }
    assert [case.window for case in grid.CASES] == [12] * 3


def test_a_crowd_is_served_refused_or_late_and_every_order_is_counted(causal_model, monkeypatch):
    monkeypatch.setattr(finish, "Encoder", grid.Uncoded)
    with Driven(causal_model) as driven:
        (row,) = crowds(driven, lambda seed: order(id=str(seed), seed=seed, template=""), (3,), patience=1.2)
    told = [int(part.split()[0]) for part in row[2].split(": ")[1].split(", ")]
    assert sum(told) == 3 and told[2] > 0, "three that each want most of the device are refused in part"


def test_channels_last_is_the_same_picture():
    from engine import model
    from engine.vae import Vae

    torch.manual_seed(1)
    vae, z = model._random(Vae(VAE, "meta"), "cpu", torch.float32), torch.randn(1, 4, 3, 4, 4)
    with torch.inference_mode():
        want = vae.decode(z, {})
        assert torch.allclose(vae.arrange().decode(z, {}), want, atol=1e-4)


@pytest.mark.skipif(not hasattr(torch, "compile"), reason="needs PyTorch 2")
def test_fused_is_the_same_picture():
    from engine import batch
    from engine.session import Spec

    plain, fused = made(tiny()), made(tiny()).fused()
    a, b = (torch.cat(batch.run(batch.start(m, Spec("a mug", 32, 32, seed=7, chunks=2))), 1) for m in (plain, fused))
    assert torch.allclose(a, b, atol=1e-4)


def test_attention_is_the_same_whatever_kernels_are_preferred():
    torch.manual_seed(1)
    q, k, v = (torch.randn(1, n, 2, 16) for n in (5, 9, 9))
    want = attn.attend(q, k, v)
    for kind in ("auto", "flash", "cudnn"):
        with attn.preferring(kind):
            assert torch.allclose(attn.attend(q, k, v), want, atol=1e-5)


def test_the_long_run_counts_its_frames():
    rows = small.long_run(grid.TINY, 60)
    assert rows[0][0].startswith("69 frames in one session")
