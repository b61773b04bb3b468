"""Makes the training material: sentences spoken by many voices, as features with every token's time.

    python -m train.synth --out DIR --count N [--seed S] [--jobs 2]

DIR then holds shards of SHARD utterances (feats: all their frames as half floats; where each lies; its tokens and their times) and
noise.npy. A training may begin with the first shards and take up the others as they come. No held-out phrase or voice is ever
written (heldout.Leak).
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypinyin

from . import room
from .espeak import Speaker, Voice
from .features import SAMPLE_RATE, fbank, resample
from .heldout import HeldOut
from .phrases import Grammar, tokens

VARIANTS = (
    "|m1|m2|m3|m4|m6|m7|f1|f3|f4|Alex|Alicia|Andrea|AnxiousAndy|Demonic|Denis|Diogo|Gene2|Henrique|Hugo|Jacky|Lee|Mario|Mike|Nguyen|"
    "RicishayMax|RicishayMax2|RicishayMax3|Storm|Tweaky|adam|anika|announcer|antonio|belinda|benjamin|boris|caleb|david|ed|edward2|"
    "grandma|grandpa|gustave|iven|iven2|iven3|iven4|john|kaukovalta|klatt|klatt4|klatt5|klatt6|marcelo|michel|miguel|norbert|pablo|"
    "paul|pedro|quincy|rob|robert|robosoft|robosoft3|sandro|shelby|steph|steph3|travis|victor|whisperf|zac"
).split("|")
SHARD = 250  # utterances


@dataclass
class Utterance:
    """wave: 16 kHz float32; times: where each token begins, in seconds."""

    wave: np.ndarray
    tokens: list[str]
    times: list[float]
    ends: float  # where the last token ends, about


def pinyin(words: list[str]) -> tuple[str, list[int]]:
    """Writes tokens as pinyin with tone numbers. Returns the text and where in it each token begins."""
    out, starts = "", []
    syllables: list[str] = []
    run: list[str] = []
    for word in [*words, "▁"]:
        if word.startswith("▁"):
            syllables += pypinyin.lazy_pinyin("".join(run), style=pypinyin.Style.TONE3, neutral_tone_with_five=True)
            run = []
            if word != "▁":
                syllables.append(word[1:])
        else:
            run.append(word)
    for syllable in syllables:
        starts.append(len(out))
        out += syllable + " "
    return out, starts


def hanzi(words: list[str]) -> tuple[str, list[int]]:
    """Writes tokens as they are, English words set off by blanks. Returns the text and where in it each token begins."""
    out, starts = "", []
    for word in words:
        if word.startswith("▁"):
            word = " " * bool(out) + word[1:] + " "
        starts.append(len(out) + len(word) - len(word.lstrip()))
        out += word
    return out, starts


def speak(speaker: Speaker, text: str, voice: Voice, as_pinyin: bool) -> Utterance | None:
    """Speaks a sentence. None when espeak-ng does not tell the time of every token."""
    words = tokens(text)
    written, starts = (pinyin if as_pinyin else hanzi)(words)
    said = speaker.speak(written, voice)
    begun = dict(said.words)
    if not all(s in begun for s in starts):
        return None
    wave = resample(said.wave, said.rate)
    loud = np.nonzero(np.abs(wave) > 0.01)[0]
    return Utterance(wave, words, [begun[s] for s in starts], float(loud[-1]) / SAMPLE_RATE if len(loud) else 0.0)


def place(u: Utterance, before: float, after: float) -> Utterance:
    """Puts silence around an utterance."""
    ahead, behind = int(before * SAMPLE_RATE), int(after * SAMPLE_RATE)
    wave = np.concatenate([np.zeros(ahead, np.float32), u.wave, np.zeros(behind, np.float32)])
    return Utterance(wave, u.tokens, [t + before for t in u.times], u.ends + before)


def training_voice(r: random.Random, held: HeldOut) -> Voice:
    """Draws a voice that is not held out."""
    while True:
        pitch = min(95, max(8, round(r.gauss(50, 18))))
        voice = Voice(r.choice(VARIANTS), min(270, max(115, round(r.gauss(180, 32)))), pitch, r.randint(30, 75))
        if not held.has_voice(voice):
            return voice


def _make(seed: int, vocabulary: dict[str, int]) -> dict[str, np.ndarray]:
    r, nr = random.Random(seed), np.random.default_rng(seed)
    grammar, held, speaker = Grammar(), HeldOut(), Speaker()
    feats: list[np.ndarray] = []
    starts, said, ids, times, ends = [0], [0], [], [], []
    while len(feats) < SHARD:
        text = grammar.sentence(r)
        if held.has_phrase(text) or not 1 <= len(tokens(text)) <= 26:
            continue
        voice = training_voice(r, held)
        held.refuse(text, voice)
        u = speak(speaker, text, voice, as_pinyin=r.random() < 0.5)
        if u is None:
            continue
        u = place(u, r.uniform(0.0, 0.5), r.uniform(0.1, 0.4))
        wave = u.wave
        if r.random() < 0.3:
            wave = room.echo(wave, nr)
        if r.random() < 0.25:
            wave = room.channel(wave, nr)
        feats.append(fbank(wave).astype(np.float16))
        starts.append(starts[-1] + len(feats[-1]))
        ids += [vocabulary[w] for w in u.tokens]
        times += u.times
        said.append(len(ids))
        ends.append(u.ends)
    return {
        "feats": np.concatenate(feats),
        "starts": np.array(starts),
        "said": np.array(said),
        "ids": np.array(ids),
        "times": np.float32(times),
        "ends": np.float32(ends),
    }


def _shard(job: tuple[Path, int, dict[str, int]]) -> None:
    path, seed, vocabulary = job
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **_make(seed, vocabulary))
        part.rename(path)


def _noises(seed: int, minutes: float) -> np.ndarray:
    """A bank of noise, music and babble as features (frames, 80); each stretch is 10 s."""
    r, speaker, grammar, held = np.random.default_rng(seed), Speaker(), Grammar(), HeldOut()
    pr = random.Random(seed)
    people = [resample((s := speaker.speak(grammar.talk_sentence(pr), training_voice(pr, held))).wave, s.rate) for _ in range(60)]
    makers = [room.noise, room.noise, room.music, lambda s, g: room.babble(people, s, g)]
    pieces = [fbank(makers[i % len(makers)](10.0, r) * 0.5)[:1000] for i in range(int(minutes * 6))]
    return np.concatenate(pieces).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=36000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "noise.npy", _noises(args.seed, 16))
    vocabulary = {t: i + 1 for i, t in enumerate(Grammar().vocabulary())}
    jobs = [(args.out / f"{args.seed}-{i:04}.npz", args.seed * 1_000_003 + i, vocabulary) for i in range(args.count // SHARD)]
    with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
        for done, _ in enumerate(pool.imap_unordered(_shard, jobs), 1):
            print(f"{done * SHARD} utterances", flush=True)


if __name__ == "__main__":
    main()
