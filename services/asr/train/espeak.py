"""Speaks Mandarin with espeak-ng's library and tells when each syllable begins.

The voice is `cmn-latn-pinyin`: in espeak-ng 1.51 the plain `cmn` voice spells every syllable in English letters.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

LANGUAGE = "cmn-latn-pinyin"
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_WORD_EVENT, _LIST_END = 1, 0


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # characters from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_int64),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Voice:
    """How a sentence is spoken. variant: one of espeak-ng's, empty for none; speed in words a minute; pitch and range 0-99."""

    variant: str
    speed: int
    pitch: int
    range: int = 50


@dataclass
class Spoken:
    """wave: mono float32 in [-1, 1]; words: (first character in the text, seconds) where each spoken word begins."""

    wave: np.ndarray
    rate: int
    words: list[tuple[int, float]]


class Speaker:
    """One espeak-ng in this process; not safe for use from several threads (the library has global state)."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate: int = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _DONT_EXIT)
        if self.rate <= 0:
            raise RuntimeError("start espeak-ng: its data are not installed")
        self._pieces: list[np.ndarray] = []
        self._words: list[tuple[int, float]] = []
        self._callback = _Callback(self._heard)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _heard(self, wave, count: int, events) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).astype(np.float32) / 32768)
        i = 0
        while events[i].type != _LIST_END:
            if events[i].type == _WORD_EVENT:
                self._words.append((events[i].text_position - 1, events[i].sample / self.rate))
            i += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Spoken:
        """Speaks Chinese characters, or syllables written as pinyin with tone numbers."""
        name = LANGUAGE + (f"+{voice.variant}" if voice.variant else "")
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"set voice {name}: espeak-ng does not know it")
        for parameter, value in ((_RATE, voice.speed), (_PITCH, voice.pitch), (_RANGE, voice.range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._pieces, self._words = [], []
        data = text.encode() + b"\0"
        self._lib.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
        wave = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        return Spoken(wave, self.rate, self._words)
