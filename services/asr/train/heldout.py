"""What the model is never trained on: phrases, voices, speeds and pitches, frozen before the first training.

heldout.json is written once (`python -m train.heldout write`); its SHA-256 stands below, and everything that trains checks it.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from .espeak import Voice
from .phrases import TEXT, Grammar

FILE = Path(__file__).parent / "heldout.json"
SHA256 = "9f8158dcc87ab605a6fe0cfc278fd34d4f8ed5efb7f3fe612891c240fa12e7d1"

_NEAR_SPEED, _NEAR_PITCH = 3, 2  # a training voice stays further than this from any held-out value


class Leak(Exception):
    """Training material that belongs to the held-out set."""


@dataclass(frozen=True)
class Part:
    """One frozen set: every phrase is spoken with these voices, speeds and pitches only."""

    variants: tuple[str, ...]
    speeds: tuple[int, ...]
    pitches: tuple[int, ...]
    written: tuple[str, ...]
    drawn: tuple[str, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.written + self.drawn

    def voice(self, i: int) -> Voice:
        """The voice of the i-th phrase: fixed, so that a figure can be had again."""
        r = random.Random(i)
        return Voice(r.choice(self.variants), r.choice(self.speeds), r.choice(self.pitches))


class HeldOut:
    """The frozen sets: `test` for the figures in the card, `validation` to watch a training by."""

    def __init__(self) -> None:
        raw = FILE.read_bytes()
        found = hashlib.sha256(raw).hexdigest()
        if found != SHA256:
            raise Leak(f"check {FILE.name}: its SHA-256 is {found}, frozen was {SHA256}")
        self.test, self.validation = (
            Part(**{k: tuple(v) for k, v in part.items()}) for part in (json.loads(raw)[k] for k in ("test", "validation"))
        )
        self._phrases = {p for part in (self.test, self.validation) for p in part.phrases}
        self._long = [p for p in self._phrases if len(p) >= 8]
        self._variants = {v for part in (self.test, self.validation) for v in part.variants}
        self._speeds = {s for part in (self.test, self.validation) for s in part.speeds}
        self._pitches = {p for part in (self.test, self.validation) for p in part.pitches}

    def has_phrase(self, text: str) -> bool:
        """Whether text is a held-out phrase, or has a long one in it."""
        return text in self._phrases or any(p in text for p in self._long)

    def has_voice(self, voice: Voice) -> bool:
        """Whether any one setting of a voice is held out or nearly so."""
        return (
            voice.variant in self._variants
            or any(abs(voice.speed - s) <= _NEAR_SPEED for s in self._speeds)
            or any(abs(voice.pitch - p) <= _NEAR_PITCH for p in self._pitches)
        )

    def refuse(self, text: str, voice: Voice) -> None:
        """Raises Leak when an utterance may not be trained on."""
        if self.has_phrase(text):
            raise Leak(f"train on {text!r}: it is held out")
        if self.has_voice(voice):
            raise Leak(f"train on {voice}: it is held out")


def _write() -> None:
    grammar, r = Grammar(), random.Random(20261121)
    drawn: set[str] = set()

    def draw(count: int, make) -> list[str]:
        out: list[str] = []
        while len(out) < count:
            text = make(r)
            if 4 <= len(text) <= 24 and text not in drawn:
                drawn.add(text)
                out.append(text)
        return out

    written = [line for line in (TEXT / "heldout_written.txt").read_text().splitlines() if not line.startswith("#")]
    sets = {
        "test": {
            "variants": ["f2", "m5", "klatt3", "Annie", "Michael", "steph2", "Andy", "croak", "edward", "Marco", "aunty", "m8"],
            "speeds": [150, 165, 185, 205],
            "pitches": [38, 47, 56, 68],
            "written": written,
            "drawn": draw(160, grammar.commerce_sentence) + draw(80, grammar.talk_sentence),
        },
        "validation": {
            "variants": ["f5", "klatt2", "max", "Gene", "linda"],
            "speeds": [158, 195],
            "pitches": [43, 62],
            "written": [],
            "drawn": draw(80, grammar.commerce_sentence) + draw(40, grammar.talk_sentence),
        },
    }
    FILE.write_text(json.dumps(sets, ensure_ascii=False, indent=1) + "\n")
    print(hashlib.sha256(FILE.read_bytes()).hexdigest())


if __name__ == "__main__" and sys.argv[1:] == ["write"]:
    _write()
