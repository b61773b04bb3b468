"""A model over several ranks gives what it gives on one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from engine import model, pipeline
from engine.kv import Cache

from .conftest import tiny

SPANS = {2: [(0, 1), (1, 4)], 3: [(0, 1), (1, 2), (2, 4)]}


def four_layers():
    import dataclasses

    config = tiny(stream={"sinks": 1, "window": 4})
    return model.random(dataclasses.replace(config, dit=dataclasses.replace(config.dit, layers=4))).dits[0]


def inputs():
    torch.manual_seed(1)
    prompts = {0: torch.randn(1, 8, 24), 1: torch.randn(1, 8, 24)}
    return prompts, [(i % 2, torch.randn(1, 4, 3, 4, 4), t) for i in range(8) for t in (500.0, 0.0)]


def rank(number: int, ranks: int, port: int, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=number, world_size=ranks)
    stage = pipeline.Rank(four_layers(), SPANS[ranks][number], pipeline.cursors(1, 4, 3))
    if number > 0:
        stage.serve()
    else:
        prompts, steps = inputs()
        seen: set[int] = set()
        answers = []
        for session, x, t in steps:
            embedding = None if session in seen else prompts[session]
            seen.add(session)
            answers.append(stage.forward(session, x, torch.tensor([[t]]), embedding, t == 0))
        stage.close()
        torch.save(answers, out)
    dist.destroy_process_group()


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_together_give_what_one_gives(ranks, tmp_path: Path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    processes.spawn(rank, (ranks, port, str(tmp_path / "out")), nprocs=ranks)
    got = torch.load(tmp_path / "out")
    dit = four_layers()
    c = dit.config
    caches = {i: Cache(dit.rope(), 4, 4, c.heads, c.head_dim, pipeline.cursors(1, 4, 3)()) for i in (0, 1)}
    prompts, steps = inputs()
    with torch.inference_mode():
        texts = {i: dit.prompt(p) for i, p in prompts.items()}
        for (session, x, t), answer in zip(steps, got):
            want = dit(x, torch.tensor([[t]]), [texts[session]], [caches[session]], t == 0)
            if t == 0:
                caches[session].commit()
            assert torch.allclose(answer, want, atol=1e-5)


def test_blocks_are_shared_out_evenly_or_by_what_ranks_take():
    assert pipeline.ranges(40, 4) == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert pipeline.ranges(30, 4) == [(0, 8), (8, 15), (15, 22), (22, 30)]
    slow_ends = pipeline.ranges(40, 4, [2.0, 1.0, 1.0, 2.0])
    assert slow_ends == [(0, 7), (7, 20), (20, 33), (33, 40)]
    assert pipeline.ranges(3, 3, [100.0, 1.0, 1.0]) == [(0, 1), (1, 2), (2, 3)]
    with pytest.raises(ValueError, match="4 ranks for 3 blocks"):
        pipeline.ranges(3, 4)
