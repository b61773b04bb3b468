"""What the workshop promises: the frozen set is kept out, times are true, the export hears as the network does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from train import heldout
from train.data import stretch, warp
from train.espeak import Speaker, Voice
from train.export import write
from train.features import SAMPLE_RATE, fbank, resample
from train.heldout import HeldOut, Leak
from train.homophones import Homophones
from train.homophones import write as write_homophones
from train.measure import edits, greedy, matched
from train.model import Recogniser, Shape
from train.phrases import Grammar, number, tokens
from train.synth import VARIANTS, pinyin, place, speak, training_voice


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def small() -> Recogniser:
    torch.manual_seed(3)
    return Recogniser(Shape(tokens=len(Grammar().vocabulary()) + 1, width=32, stem=16)).eval()


@pytest.mark.parametrize(
    "n, said",
    [(0, "零"), (2, "二"), (10, "十"), (15, "十五"), (99, "九十九"), (105, "一百零五"), (200, "两百"), (5600, "五千六百"), (2999, "两千九百九十九"), (20000, "两万")],
)
def test_numbers_are_said_as_people_say_them(n: int, said: str) -> None:
    assert number(n) == said


def test_a_changed_list_of_held_out_phrases_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heldout, "SHA256", "0" * 64)
    with pytest.raises(Leak):
        HeldOut()


def test_held_out_phrases_and_voices_are_refused() -> None:
    held, voice = HeldOut(), Voice("f3", 175, 50)
    held.refuse("一句谁也没有留下的话", voice)
    for text in (held.test.phrases[0], "来" + held.test.phrases[0], held.validation.phrases[0]):
        with pytest.raises(Leak):
            held.refuse(text, voice)
    for other in (Voice("m5", 175, 50), Voice("f3", held.test.speeds[0] + 3, 50), Voice("f3", 175, held.test.pitches[0] - 2)):
        with pytest.raises(Leak):
            held.refuse("一句谁也没有留下的话", other)
    assert not {*held.test.variants, *held.validation.variants} & set(VARIANTS)
    r = random.Random(1)
    assert not any(held.has_voice(training_voice(r, held)) for _ in range(200))


def test_every_held_out_phrase_can_be_written_with_the_models_tokens() -> None:
    held, known = HeldOut(), set(Grammar().vocabulary())
    assert [p for p in held.test.phrases + held.validation.phrases if not set(tokens(p)) <= known] == []


def test_a_sentence_sounds_alike_as_characters_and_as_pinyin(speaker: Speaker) -> None:
    written, starts = pinyin(tokens("▁wow三分钟"))
    assert written == "wow san1 fen1 zhong1 " and starts == [0, 4, 9, 14]
    one, two = (speak(speaker, "最后三分钟", Voice("f3", 175, 50), as_pinyin=p) for p in (False, True))
    assert one is not None and two is not None
    assert np.allclose(one.times, two.times, atol=0.02)


def test_times_point_at_the_sound(speaker: Speaker) -> None:
    u = speak(speaker, "好", Voice("m3", 175, 50), as_pinyin=False)
    assert u is not None
    u = place(u, 1.0, 0.3)
    loud = np.nonzero(np.abs(u.wave) > 0.02)[0]
    assert abs(loud[0] / SAMPLE_RATE - u.times[0]) < 0.06


def test_resampling_keeps_a_tone() -> None:
    t = np.arange(22050) / 22050
    out = resample(np.sin(2 * np.pi * 1000 * t).astype(np.float32), 22050)
    want = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert len(out) == 16000 and np.abs(out - want)[200:-200].max() < 0.02


def test_bending_by_one_changes_nothing() -> None:
    feats = torch.randn(2, 50, 80)
    assert torch.allclose(warp(feats, torch.ones(2))[:, :, :79], feats[:, :, :79], atol=1e-5)
    assert torch.allclose(stretch(feats[0], 1.0), feats[0], atol=1e-5)
    assert len(stretch(feats[0], 2.0)) == 25


def test_errors_are_counted_and_what_was_right_is_paired() -> None:
    assert edits(list("全场五折"), list("全场无折扣")) == 2
    assert matched(list("全场五折"), list("全五折了")) == [(0, 0), (2, 1), (3, 2)]
    assert greedy([0, 3, 3, 0, 3, 5, 5]) == ([3, 3, 5], [1, 4, 5])


def test_streaming_gives_what_the_whole_utterance_gives(small: Recogniser) -> None:
    feats = torch.randn(2, 400, 80) * 3 - 7
    padded = torch.nn.functional.pad(feats, (0, 0, 0, 200), value=-15.0)
    cache = torch.zeros(2, len(small.shape.ahead), small.shape.width, small.shape.left)
    out = []
    with torch.no_grad():
        for at in range(0, 400, small.shape.shift):
            log_probs, cache = small.step(padded[:, at : at + small.shape.window], cache)
            out.append(log_probs)
        assert (torch.cat(out, dim=1) - small(feats)).abs().max() < 1e-4


def test_the_export_gives_what_the_network_gives(small: Recogniser, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    write(small, Grammar().vocabulary(), tmp_path, "for a test")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    feats = torch.randn(1, small.shape.window, 80) * 3 - 7
    cache = torch.randn(1, len(small.shape.ahead), small.shape.width, small.shape.left)
    names = [i.name for i in session.get_inputs()]
    given = [feats.transpose(1, 2).numpy(), np.array([43]), np.zeros((1, 1, 1, 1), np.float32), cache.numpy(), np.array([8])]
    log_probs, steps, _, kept, seen = session.run(None, dict(zip(names, given)))
    with torch.no_grad():
        for p in small.parameters():  # the export keeps big weights as half floats
            if p.numel() >= 1024:
                p.copy_(p.half().float())
        want, want_kept = small.step(feats, cache)
    assert np.abs(log_probs - want.numpy()).max() < 1e-3
    assert np.abs(kept - want_kept.numpy()).max() < 1e-3
    assert steps.tolist() == [4] and seen.tolist() == [12]


def test_sherpa_computes_the_same_features_and_hears_the_same(small: Recogniser, speaker: Speaker, tmp_path: Path) -> None:
    sherpa_onnx = pytest.importorskip("sherpa_onnx")
    vocabulary = Grammar().vocabulary()
    write(small, vocabulary, tmp_path, "for a test")
    u = speak(speaker, "最后三分钟全场五折", Voice("f3", 175, 50), as_pinyin=False)
    assert u is not None
    wave = np.concatenate([u.wave, np.zeros(SAMPLE_RATE, np.float32)])
    recogniser = sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
        tokens=str(tmp_path / "tokens.txt"), model=str(tmp_path / "model.onnx"), sample_rate=SAMPLE_RATE, feature_dim=80
    )
    stream = recogniser.create_stream()
    stream.accept_waveform(SAMPLE_RATE, wave)
    while recogniser.is_ready(stream):
        recogniser.decode_stream(stream)
    heard = json.loads(recogniser.get_result_as_json_string(stream))
    with torch.no_grad():
        ids, at = greedy(small(torch.from_numpy(fbank(wave))[None])[0].argmax(dim=-1).tolist())
    count = len(heard["tokens"])  # sherpa-onnx leaves the end for a chunk that never comes
    assert count > 0 and len(ids) - count <= 12
    assert heard["tokens"] == [vocabulary[i - 1].replace("▁", " ") for i in ids[:count]]
    assert np.allclose(heard["timestamps"], [0.04 * a for a in at[:count]])


def test_of_characters_that_sound_alike_the_likeliest_text_is_taken(tmp_path: Path) -> None:
    write_homophones(tmp_path / "homophones.txt", sentences=3000)
    table = Homophones(tmp_path / "homophones.txt")
    assert "".join(table.settle(list("权长五折"))) == "全场五折"
    assert "".join(table.settle(list("最后三分钟"))) == "最后三分钟"
    assert table.settle(["▁wow"]) == ["▁wow"] and table.settle([]) == []
