"""The features sherpa-onnx computes for a streaming CTC model: 80 log-mel energies every 10 ms, Kaldi's way."""

from __future__ import annotations

import math

import kaldi_native_fbank as knf
import numpy as np

SAMPLE_RATE = 16000
FRAME = 0.01  # seconds from one frame to the next
BINS = 80


def fbank(wave: np.ndarray) -> np.ndarray:
    """wave: mono float32 at 16 kHz in [-1, 1]. Returns float32 (frames, 80).

    The settings are those of sherpa-onnx's FeatureExtractorConfig: povey window, 20 Hz to 7,600 Hz, no dither, edges not snipped.
    """
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.mel_opts.num_bins = BINS
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = -400
    extractor = knf.OnlineFbank(options)
    extractor.accept_waveform(SAMPLE_RATE, wave.tolist())
    extractor.input_finished()
    frames = [extractor.get_frame(i) for i in range(extractor.num_frames_ready)]
    return np.stack(frames).astype(np.float32) if frames else np.zeros((0, BINS), np.float32)


def resample(wave: np.ndarray, rate: int) -> np.ndarray:
    """Brings a whole wave to 16 kHz by cutting its spectrum; rate: at least that."""
    if rate == SAMPLE_RATE or len(wave) == 0:
        return wave.astype(np.float32)
    share = math.gcd(rate, SAMPLE_RATE)
    block = rate // share * 64  # lengths that are made of small primes, so that the transforms are quick
    padded = -(-len(wave) // block) * block
    n = padded * SAMPLE_RATE // rate
    spectrum = np.fft.rfft(wave, padded)[: n // 2 + 1]
    return (np.fft.irfft(spectrum, n) * (n / padded))[: len(wave) * SAMPLE_RATE // rate].astype(np.float32)
