"""Which characters sound alike and which follow each other: homophones.txt of a model, by which liveclip settles what was heard.

The network writes characters by their sound and a second of context; 在 or 再, 加 or 家 it often guesses. liveclip then takes, of
all characters of the same syllable, those that make the likeliest text: pairs of characters counted in sentences that the templates
make (never a held-out one) and in common words. What was heard costs nothing, another character of the same tone KEEP, of another
tone TONE more, in natural logarithms; both were set on the validation part.

    python -m train.homophones --out FILE
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from pathlib import Path

import pypinyin

from .heldout import HeldOut
from .phrases import Grammar, tokens

KEEP, TONE, SMOOTH = 2.5, 1.0, 3.0
BEGIN, END = "^", "$"


def pairs(sentences: int, seed: int = 5) -> Counter[tuple[str, str]]:
    """Counts of neighbours, sentence by sentence with both ends, and within common words."""
    grammar, held, r = Grammar(), HeldOut(), random.Random(seed)
    count: Counter[tuple[str, str]] = Counter()
    for _ in range(sentences):
        text = grammar.commerce_sentence(r) if r.random() < 0.55 else grammar.talk_sentence(r)
        if not held.has_phrase(text):
            said = [BEGIN, *tokens(text), END]
            count.update(zip(said, said[1:]))
    for place, word in enumerate(grammar.words):
        weight = max(1, int(30 * (1 - place / len(grammar.words))))
        for pair in zip(word, word[1:]):
            count[pair] += weight
    return count


def sounds(token: str) -> list[str]:
    """All readings of a character, as pinyin with tone numbers; a word is its own."""
    if token.startswith("▁"):
        return [token]
    return sorted(set(pypinyin.pinyin(token, style=pypinyin.Style.TONE3, heteronym=True, neutral_tone_with_five=True)[0]))


def write(path: Path, sentences: int = 120_000) -> None:
    """Writes the table: a line of costs, a line for each token's sounds, a line for each pair."""
    lines = [f"costs {KEEP} {TONE} {SMOOTH}"]
    lines += [f"sound {token} {' '.join(sounds(token))}" for token in Grammar().vocabulary() if not token.startswith("▁")]
    lines += [f"pair {a} {b} {n}" for (a, b), n in sorted(pairs(sentences).items()) if not (a + b).count("▁")]
    path.write_text("\n".join(lines) + "\n")


class Homophones:
    """What internal/speech/homophones.go does with the table."""

    def __init__(self, path: Path) -> None:
        self.pairs: Counter[tuple[str, str]] = Counter()
        readings: dict[str, set[str]] = {}
        for line in path.read_text().splitlines():
            kind, *rest = line.split()
            if kind == "costs":
                self.keep, self.tone, self.smooth = map(float, rest)
            elif kind == "sound":
                readings[rest[0]] = set(rest[1:])
            else:
                self.pairs[rest[0], rest[1]] += int(rest[2])
        self.first: Counter[str] = Counter()
        self.second: Counter[str] = Counter()
        for (a, b), n in self.pairs.items():
            self.first[a] += n
            self.second[b] += n
        self.all = sum(self.pairs.values())
        self.unknown = 0.5 / (self.all + 0.5 * (len(readings) + 1))
        bare = {t: {s.rstrip("12345") for s in found} for t, found in readings.items()}
        self.alike = {
            t: [(o, 0.0 if o == t else self.keep + (0 if found & readings[o] else self.tone)) for o in readings if bare[o] & bare[t]]
            for t, found in readings.items()
        }

    def _surprise(self, before: str, token: str) -> float:
        alone = self.second[token] / self.all + self.unknown
        return -math.log((self.pairs[before, token] + self.smooth * alone) / (self.first[before] + self.smooth))

    def settle(self, heard: list[str]) -> list[str]:
        """The likeliest tokens, one for each heard."""
        best: dict[str, tuple[float, list[str]]] = {BEGIN: (0.0, [])}
        for token in [*heard, END]:
            best = {
                o: min((cost + extra + self._surprise(before, o), [*path, o]) for before, (cost, path) in best.items())
                for o, extra in self.alike.get(token, [(token, 0.0)])
            }
        return best[END][1][:-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    write(parser.parse_args().out)
