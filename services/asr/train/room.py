"""What a room does to a voice, and what else sounds in it: echo, a narrow channel, noise, music, other people."""

from __future__ import annotations

import numpy as np

from .features import SAMPLE_RATE


def _fast(n: int) -> int:
    """A length from n on whose transform is quick."""
    step = 1 << max(0, n.bit_length() - 4)
    return -(-n // step) * step


def echo(wave: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """Adds the decaying tail of a small to middling room (0.1-0.5 s)."""
    length = r.uniform(0.1, 0.5)
    t = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    tail = r.standard_normal(len(t)) * np.exp(-6.9 * t / length)
    tail[: int(0.003 * SAMPLE_RATE)] = 0
    tail *= r.uniform(0.1, 0.6) / np.sqrt((tail**2).sum())
    tail[0] = 1
    n = _fast(len(wave) + len(tail))
    return np.fft.irfft(np.fft.rfft(wave, n) * np.fft.rfft(tail, n), n)[: len(wave)].astype(np.float32)


def channel(wave: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """Cuts the band as a telephone or a thrifty codec does, and tilts what is left."""
    n = _fast(len(wave))
    hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    low = r.choice([0, 60, 150, 300])
    high = r.choice([3400, 4000, 5500, 7000])
    shape = 1 / (1 + np.exp(np.clip((hz - high) / 80, -30, 30))) / (1 + np.exp(np.clip((low - hz) / 20, -30, 30)))
    return np.fft.irfft(np.fft.rfft(wave, n) * shape, n)[: len(wave)].astype(np.float32)


def noise(seconds: float, r: np.random.Generator) -> np.ndarray:
    """Coloured noise with slow swells: a fan, a street, an air conditioner, a hum."""
    n = int(seconds * SAMPLE_RATE)
    hz = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 20)
    spectrum = np.fft.rfft(r.standard_normal(n)) * hz ** -r.uniform(0, 1.2)
    out = np.fft.irfft(spectrum, n)
    t = np.arange(n) / SAMPLE_RATE
    out *= 1 + r.uniform(0, 0.7) * np.sin(2 * np.pi * r.uniform(0.1, 3) * t + r.uniform(0, 6))
    out /= out.std()
    if r.random() < 0.3:
        hum = r.choice([50, 60, 100])
        out += r.uniform(0.2, 1) * sum(np.sin(2 * np.pi * hum * k * t) / k for k in range(1, 6))
    return (out / np.abs(out).max()).astype(np.float32)


def music(seconds: float, r: np.random.Generator) -> np.ndarray:
    """Chords, a bass, a melody and a drum at one tempo."""
    beat = r.uniform(0.3, 0.7)
    n = int(seconds * SAMPLE_RATE)
    out = np.zeros(n + SAMPLE_RATE)
    root = r.uniform(110, 260)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])

    def play(at: float, hz: float, length: float, loud: float) -> None:
        t = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
        tone = sum(np.sin(2 * np.pi * hz * k * t) / k**1.5 for k in range(1, 7) if hz * k < 7800)
        start = int(at * SAMPLE_RATE)
        piece = loud * tone * np.exp(-t * r.uniform(1, 5)) * np.minimum(1, t / 0.01)
        out[start : start + len(piece)] += piece[: len(out) - start]

    for i in range(int(seconds / beat)):
        at = i * beat
        if i % 4 == 0:
            step = int(r.integers(0, 6))
            for k in (0, 2, 4):
                play(at, root * 2 ** (scale[(step + k) % 8] / 12), 4 * beat, 0.4)
            play(at, root / 2 * 2 ** (scale[step] / 12), 2 * beat, 0.6)
        play(at + beat * r.choice([0, 0.5]), 2 * root * 2 ** (r.choice(scale) / 12), beat, 0.5)
        hit = int(at * SAMPLE_RATE)
        burst = r.standard_normal(1600) * np.exp(-np.arange(1600) / 250) * (0.8 if i % 2 else 0.3)
        out[hit : hit + 1600] += burst[: len(out) - hit]
    out = out[:n]
    return (out / np.abs(out).max()).astype(np.float32)


def babble(waves: list[np.ndarray], seconds: float, r: np.random.Generator) -> np.ndarray:
    """Several people at once; nobody can be understood."""
    n = int(seconds * SAMPLE_RATE)
    out = np.zeros(n, np.float32)
    for _ in range(int(r.integers(4, 8))):
        at = 0
        while at < n:
            wave = waves[int(r.integers(len(waves)))]
            size = min(len(wave), n - at)
            out[at : at + size] += wave[:size]
            at += size
    return out / np.abs(out).max()
