"""Who goes next, who is refused, what is kept: decisions, without a device."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from engine import cache, scheduler
from engine.scheduler import Admitted, Table, Waiting, admit, fits, next_batch

GIB = 1 << 30


def table(**seconds) -> Table:
    """b1=1.0, b2=1.6: what a batch of so many rows takes."""
    out = Table()
    for name, s in seconds.items():
        out.learn("s", int(name[1:]), s)
    return out


def waiting(name, deadline, remaining=1, shape="s", rows=1) -> Waiting:
    return Waiting(name, shape, rows, deadline, remaining)


def chosen(*args) -> list[str]:
    return [w.name for w in next_batch(*args)]


def test_the_earliest_latest_beginning_goes_first():
    known = table(b1=1.0, b2=10.0)
    far, near, long = waiting("far", 100.0), waiting("near", 5.0), waiting("long", 20.0, remaining=18)
    assert chosen([far, near, long], known, 0.0, 1) == ["long"], "18 s of work until 20 leave less than 1 until 5"
    assert chosen([far, near], known, 0.0, 1) == ["near"]
    assert chosen([], known, 0.0, 4) == []


@pytest.mark.parametrize(
    "deadlines, most, want",
    [
        ((100.0, 100.0, 100.0), 4, 3),
        ((100.0, 100.0, 100.0), 2, 2),
        ((1.2, 100.0, 100.0), 4, 1),  # a batch of two takes 1.6: the first would miss its deadline
        ((1.7, 100.0, 100.0), 4, 2),  # two are in time, three are not
        ((0.5, 0.6, 0.7), 4, 3),  # all are late anyway: together they are over soonest
    ],
)
def test_a_batch_is_the_largest_that_meets_every_slack(deadlines, most, want):
    known = table(b1=1.0, b2=1.6, b3=2.2)
    assert len(next_batch([waiting(str(i), d) for i, d in enumerate(deadlines)], known, 0.0, most)) == want


def test_only_forwards_of_one_shape_share_a_batch():
    known = table(b1=1.0, b2=1.1)
    known.learn("big", 1, 3.0)
    told = [waiting("a", 50.0), waiting("big", 49.0, shape="big"), waiting("b", 60.0)]
    assert chosen(told, known, 0.0, 4) == ["big"]
    assert chosen([told[0], told[2]], known, 0.0, 4) == ["a", "b"]


def test_the_table_learns_and_guesses_what_it_has_not_seen():
    known = Table(first=9.0)
    assert known.predict("x", 2) == 18.0
    known.learn("x", 1, 5.0)
    known.learn("x", 1, 1.0)
    assert known.predict("x", 1) == 1.0, "the first of a shape pays for warming up"
    known.learn("x", 1, 2.0)
    assert known.predict("x", 1) == pytest.approx(1.2)
    assert 1.2 < known.predict("x", 2) < 2.4 and known.predict("x", 4) > known.predict("x", 2)
    assert known.rows() == [("x", 1, pytest.approx(1.2), 3)]


def test_admission_refuses_before_anything_runs_out():
    order = Admitted(work=2.0, deadline=10.0, bytes=GIB)
    assert admit(order, [], 0, 0.0, GIB, 4) is None
    too_large = admit(replace(order, bytes=GIB + 1), [], 0, 0.0, GIB, 4)
    assert too_large.too_large and "1.0 GiB" in too_large.reason
    late = admit(replace(order, deadline=1.9), [], 0, 0.0, GIB, 4)
    assert late.late and "takes 2.0 s" in late.reason
    full = admit(order, [order], 4, 0.0, GIB, 4)
    assert not full.too_large and not full.late and full.retry_after == 2.0


def test_deadlines_take_four_fifths_of_the_device_and_no_more():
    one = Admitted(work=2.0, deadline=10.0, bytes=0)
    assert scheduler.load([one, one], 0.0) == pytest.approx(0.4)
    assert admit(one, [one] * 3, 0, 0.0, GIB, 9) is None
    refused = admit(one, [one] * 4, 0, 0.0, GIB, 9)
    assert "100%" in refused.reason and refused.retry_after > 0
    assert admit(replace(one, deadline=None), [one] * 4, 0, 0.0, GIB, 9) is None, "who has time may wait"


def test_what_runs_and_what_begins_fit_together():
    half = Admitted(1.0, None, GIB // 2)
    assert fits(half, [half], GIB) and not fits(half, [half, half], GIB)


def test_lanes_order_those_without_a_deadline_and_nobody_waits_for_ever():
    live, manual, batch = (scheduler.soft_deadline(0.0, 2.0, lane) for lane in (1, 2, 3))
    assert live < manual < batch
    assert scheduler.soft_deadline(0.0, 2.0, 0) == manual
    assert scheduler.soft_deadline(0.0, 1e9, 3) == 3600.0
    assert scheduler.soft_deadline(0.0, 2.0, 3) < scheduler.soft_deadline(batch, 2.0, 1)


def test_keys_tell_apart_what_a_joining_of_words_does_not():
    pairs = [
        ({"a": "x", "b": "y"}, {"a": "xy", "b": ""}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {"a": "null"}),
        ({"a": ["x", "y"]}, {"a": ["x,y"]}),
        ({"a": 'x", "b": "y'}, {"a": "x", "b": "y"}),
        ({"a": True}, {"a": 1}),
    ]
    for one, other in pairs:
        assert cache.key("k", **one) != cache.key("k", **other)
    assert cache.key("prompt", a=1) != cache.key("opening", a=1)
    assert cache.key("k", a=1, b=2) == cache.key("k", b=2, a=1)
    with pytest.raises(ValueError):
        cache.key("k", a=float("nan"))


def test_a_store_keeps_what_was_used_last_within_its_budget():
    store: cache.Store[str] = cache.Store(10)
    for name in "abc":
        store.put(name, name, 3)
    assert store.get("a") == "a"
    store.put("d", "d", 4)
    assert [n for n in "abcd" if n in store] == ["a", "c", "d"] and store.bytes == 10
    assert not store.put("e", "e", 11) and "a" in store, "what is greater than the budget pushes nothing out"
    store.put("a", "A", 1)
    assert store.get("a") == "A" and store.bytes == 8
    assert store.get("b") is None
    assert (store.count.hits, store.count.misses, store.count.evicted) == (2, 1, 1)
    store.clear()
    assert len(store) == store.bytes == 0


def test_a_store_counts_right_under_many_hands():
    store: cache.Store[int] = cache.Store(100)

    def work(n: int) -> None:
        for i in range(300):
            store.put(str((n * i) % 37), i, 1 + i % 5)
            store.get(str(i % 37))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert 0 < store.bytes <= 100
