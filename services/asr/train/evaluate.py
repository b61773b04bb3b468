"""Hears the held-out set, and real files where there are any, through sherpa-onnx itself, and prints what the card says.

    python -m train.evaluate --model DIR [--corpus DIR] [--json FILE]

Streamed in pieces of 100 ms, one thread. Times: a token's truth is where espeak-ng began to speak it (its word events).
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sherpa_onnx

from . import room
from .espeak import Speaker
from .features import SAMPLE_RATE
from .heldout import HeldOut
from .homophones import Homophones
from .measure import edits, matched
from .phrases import tokens
from .synth import Utterance, place, speak


@dataclass
class Heard:
    """What the network alone heard, what liveclip makes of it, when (s), and how long the processor worked on it (s)."""

    raw: list[str]
    tokens: list[str]
    times: list[float]
    work: float


class Ear:
    """One exported model in sherpa-onnx."""

    def __init__(self, folder: Path) -> None:
        self._recogniser = sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
            tokens=str(folder / "tokens.txt"), model=str(folder / "model.onnx"), num_threads=1, sample_rate=SAMPLE_RATE, feature_dim=80
        )
        self._homophones = Homophones(folder / "homophones.txt")

    def hear(self, wave: np.ndarray) -> Heard:
        """Streams a sound, with half a second of silence after it."""
        wave = np.concatenate([wave, np.zeros(SAMPLE_RATE // 2, np.float32)])
        begun = time.process_time()
        stream = self._recogniser.create_stream()
        for at in range(0, len(wave), SAMPLE_RATE // 10):
            stream.accept_waveform(SAMPLE_RATE, wave[at : at + SAMPLE_RATE // 10])
            while self._recogniser.is_ready(stream):
                self._recogniser.decode_stream(stream)
        result = json.loads(self._recogniser.get_result_as_json_string(stream))
        words = [t.replace(" ", "▁") for t in result["tokens"]]
        return Heard(words, self._homophones.settle(words), result["timestamps"], time.process_time() - begun)


CONDITIONS = {
    "clean": lambda w, r: w,
    "room noise, 20 dB": lambda w, r: _mix(w, room.noise(len(w) / SAMPLE_RATE + 0.1, r), 20),
    "room noise, 10 dB": lambda w, r: _mix(w, room.noise(len(w) / SAMPLE_RATE + 0.1, r), 10),
    "music, 15 dB": lambda w, r: _mix(w, room.music(len(w) / SAMPLE_RATE + 0.1, r), 15),
    "echo": room.echo,
    "telephone band": room.channel,
    "30 dB quieter": lambda w, r: w * 10**-1.5,
}


def _mix(wave: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    speech = np.sqrt(np.mean(wave[np.abs(wave) > 0.01] ** 2))
    noise = noise[: len(wave)]
    return (wave + noise * speech / noise.std() * 10 ** (-snr / 20)).astype(np.float32)


def rate(pairs: list[tuple[list[str], list[str]]]) -> float:
    """Character error over (truth, heard)."""
    return sum(edits(t, h) for t, h in pairs) / max(1, sum(len(t) for t, _ in pairs))


def synthetic(ear: Ear) -> dict:
    """Every held-out phrase in its held-out voice: error by where the phrase is from and by condition, times, cost."""
    part, speaker = HeldOut().test, Speaker()
    said: list[Utterance] = []
    for i, text in enumerate(part.phrases):
        u = speak(speaker, text, part.voice(i), as_pinyin=False)
        if u is None:
            raise RuntimeError(f"speak {text!r}: espeak-ng gave no times")
        said.append(place(u, 0.2, 0.3))
    out: dict = {"phrases": len(said), "characters": sum(len(u.tokens) for u in said), "conditions": {}, "network alone": {}}
    late: list[float] = []
    work = length = 0.0
    for name, change in CONDITIONS.items():
        r = np.random.default_rng(11)
        heard = [ear.hear(change(u.wave, r)) for u in said]
        pairs = [(u.tokens, h.tokens) for u, h in zip(said, heard)]
        out["conditions"][name] = round(rate(pairs), 4)
        out["network alone"][name] = round(rate([(u.tokens, h.raw) for u, h in zip(said, heard)]), 4)
        if name == "clean":
            out["written"], out["drawn"] = round(rate(pairs[: len(part.written)]), 4), round(rate(pairs[len(part.written) :]), 4)
            out["by voice"] = {
                v: round(rate([p for i, p in enumerate(pairs) if part.voice(i).variant == v]), 4) for v in part.variants
            }
            out["mistakes"] = [("".join(t), "".join(h)) for t, h in pairs if t != h][:25]
            for u, h in zip(said, heard):
                late += [h.times[j] - u.times[i] for i, j in matched(u.tokens, h.tokens)]
        work += sum(h.work for h in heard)
        length += sum(len(u.wave) / SAMPLE_RATE + 0.5 for u in said)
    out["word times"] = {
        "median error ms": round(1000 * statistics.median(abs(x) for x in late)),
        "median offset ms": round(1000 * statistics.median(late)),
        "95 % within ms": round(1000 * float(np.quantile(np.abs(late), 0.95))),
    }
    out["real-time factor"] = round(work / length, 4)
    return out


def real(ear: Ear, corpus: Path) -> list[dict]:
    """The corpus's Mandarin files beside their truth, which INDEX.md has."""
    out = []
    for line in (corpus / "INDEX.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) < 3 or not cells[0].startswith("speech/") or not cells[1].startswith("Mandarin"):
            continue
        found = sorted(corpus.glob(cells[0].replace("…", "*")))
        truth = re.findall(r"[\u4e00-\u9fff]", cells[2])
        heard = ear.hear(read(found[0]))
        out.append({"file": found[0].name, "truth": "".join(truth), "heard": "".join(heard.tokens), "error": round(rate([(truth, heard.tokens)]), 3)})
    return out


def read(path: Path) -> np.ndarray:
    """A 16-bit mono WAV file at 16 kHz."""
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError(f"read {path}: it is not 16-bit mono at 16 kHz")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    ear = Ear(args.model)
    result = {"held-out synthetic speech": synthetic(ear)}
    if args.corpus:
        files = real(ear, args.corpus)
        result["real speech"] = files
        result["real speech, error of all"] = round(rate([(tokens(f["truth"]), tokens(f["heard"])) for f in files]), 3)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
