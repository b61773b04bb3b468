"""Shapes of models. A configuration alone makes a model, of any size: tests and the shipped tiny model need no other code."""

from __future__ import annotations

import dataclasses
import json
import typing
from dataclasses import dataclass, field
from pathlib import Path


class Fault(ValueError):
    """A configuration that cannot be; the message names every field that is wrong."""


@dataclass(frozen=True)
class DitConfig:
    layers: int
    dim: int
    heads: int
    ffn: int
    channels: int = 16  # latent, in and out
    patch: tuple[int, int, int] = (1, 2, 2)
    freq_dim: int = 256
    text_dim: int = 4096
    text_len: int = 512
    eps: float = 1e-6
    positions: int = 1024  # entries of the rotary table

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


@dataclass(frozen=True)
class VaeConfig:
    kind: str = "2.1"  # or "2.2": patchified, with averaging shortcuts
    base: int = 96  # of the encoder
    decoder_base: int = 96
    mult: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2  # residual blocks a level; the decoder has one more
    z: int = 16
    patch: int = 1
    temporal: tuple[bool, ...] = (False, True, True)  # which downsamplings halve time, too
    mean: tuple[float, ...] = ()  # of the latents a model was trained on; empty: 0
    std: tuple[float, ...] = ()  # empty: 1

    @property
    def stride(self) -> int:
        """Pixels per latent in height and width."""
        return self.patch * 2 ** (len(self.mult) - 1)

    @property
    def time_stride(self) -> int:
        """Frames per latent frame after the first, which is one frame."""
        return 2 ** sum(self.temporal)


@dataclass(frozen=True)
class TextConfig:
    layers: int = 24
    dim: int = 4096
    heads: int = 64
    attention: int = 4096  # heads x head size
    ffn: int = 10240
    vocab: int = 256384
    buckets: int = 32
    max_distance: int = 128
    max_len: int = 512  # tokens; what is longer is cut


@dataclass(frozen=True)
class StreamConfig:
    """How a causal model streams. chunk == 0: the model is bidirectional and makes a clip as one piece."""

    chunk: int = 0  # latent frames
    window: int = 0  # latent frames of cache beside the sinks
    sinks: int = 0
    sink_threshold: float = 0.0  # a sink less alike than this (cosine) to what is new is replaced; 0: never
    steps: tuple[float, ...] = ()  # timesteps 0 to 1000 of the few-step form, before the shift
    clean_pass: bool = True  # one more forward at t = 0 fills the cache; else the last step's keys stay


@dataclass(frozen=True)
class ModelConfig:
    name: str
    dit: DitConfig
    vae: VaeConfig = field(default_factory=VaeConfig)
    text: TextConfig = field(default_factory=TextConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    experts: bool = False  # high_noise_model and low_noise_model
    boundary: float = 0.875  # x 1000: from this timestep on the high-noise expert
    shift: float = 5.0
    steps: int = 50
    guidance: tuple[float, ...] = (5.0,)  # low noise, high noise where there are experts; 1: none
    frame_rate: float = 16.0
    frames: int = 81  # of a clip of a bidirectional model, at most
    sampler: str = "unipc"  # or euler; a causal model with steps of its own uses those
    sizes: tuple[tuple[int, int], ...] = ()  # width, height it was trained for; others are scaled from one. Empty: any

    @property
    def causal(self) -> bool:
        return self.stream.chunk > 0

    def tokens(self, width: int, height: int) -> int:
        """Tokens of one latent frame."""
        _, ph, pw = self.dit.patch
        return (height // self.vae.stride // ph) * (width // self.vae.stride // pw)

    def check(self) -> "ModelConfig":
        """Self, or Fault."""
        d, v, s = self.dit, self.vae, self.stream
        faults = []
        for bad, text in (
            (d.dim % d.heads != 0, f"dit.heads: {d.dim} is no multiple of {d.heads}"),
            (d.heads > 0 and d.head_dim % 2 != 0, f"dit.heads: a head of {d.head_dim} cannot be rotated in pairs"),
            (d.channels != v.z, f"vae.z: {v.z}, but dit.channels: {d.channels}"),
            (d.patch[0] != 1, "dit.patch: a patch spans one latent frame"),
            (d.text_dim != self.text.dim, f"dit.text_dim: {d.text_dim}, but text.dim: {self.text.dim}"),
            (
                self.text.max_len > d.text_len,
                f"text.max_len: {self.text.max_len} is more than dit.text_len {d.text_len}",
            ),
            (v.kind not in ("2.1", "2.2"), f"vae.kind: 2.1 or 2.2, not {v.kind}"),
            (len(v.temporal) != len(v.mult) - 1, "vae.temporal: one for each downsampling"),
            (len(v.mean) not in (0, v.z) or len(v.std) not in (0, v.z), "vae.mean, vae.std: one for each channel"),
            (self.causal and self.experts, "experts: a causal model has one cache, so one model"),
            (self.causal and s.window < 1, "stream.window: at least one latent frame"),
            (
                s.sinks + s.window + s.chunk > d.positions,
                f"stream: sinks, window and chunk are more than the {d.positions} positions there are",
            ),
            (self.sampler not in ("unipc", "euler"), f"sampler: unipc or euler, not {self.sampler}"),
            (len(self.guidance) != (2 if self.experts else 1), "guidance: one, or two with experts"),
        ):
            if bad:
                faults.append(text)
        if faults:
            raise Fault(f"model {self.name}: " + "; ".join(faults))
        return self


def wan21_1_3b() -> ModelConfig:
    return ModelConfig("wan2.1-t2v-1.3b", DitConfig(30, 1536, 12, 8960), vae=VAE21, guidance=(6.0,)).check()


def wan21_14b() -> ModelConfig:
    return ModelConfig("wan2.1-t2v-14b", DitConfig(40, 5120, 40, 13824), vae=VAE21).check()


def wan22_a14b() -> ModelConfig:
    dit = DitConfig(40, 5120, 40, 13824)
    return ModelConfig(
        "wan2.2-t2v-a14b", dit, vae=VAE21, experts=True, shift=12.0, steps=40, guidance=(3.0, 4.0)
    ).check()


def wan22_5b() -> ModelConfig:
    dit = DitConfig(30, 3072, 24, 14336, channels=48)
    return ModelConfig("wan2.2-ti2v-5b", dit, vae=VAE22, frame_rate=24.0, frames=121).check()


def causal(base: ModelConfig, **stream: typing.Any) -> ModelConfig:
    """The causal few-step form of base, in the layout of Self-Forcing unless stream says otherwise."""
    told = {"chunk": 3, "window": 18, "steps": (1000.0, 750.0, 500.0, 250.0), **stream}
    return dataclasses.replace(
        base, name=base.name + "-causal", stream=StreamConfig(**told), guidance=(1.0,), experts=False
    ).check()


def read(path: Path) -> ModelConfig:
    """The configuration in a model's folder, model.json: a preset's name, fields, or both."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise Fault(f"{path.name}: {err}") from err
    if not isinstance(told, dict):
        raise Fault(f"{path.name}: not an object")
    preset = told.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise Fault(f"{path.name}: preset: {preset!r} is none of {', '.join(PRESETS)}")
    base = dataclasses.asdict(PRESETS[preset]()) if preset else {}
    return _build(ModelConfig, _merge(base, told), path.name).check()


def write(config: ModelConfig, path: Path) -> None:
    path.write_text(json.dumps(dataclasses.asdict(config), indent=1) + "\n", encoding="utf-8")


def _merge(base: dict, told: dict) -> dict:
    out = dict(base)
    for key, value in told.items():
        out[key] = _merge(base[key], value) if isinstance(base.get(key), dict) and isinstance(value, dict) else value
    return out


def _build(kind: type, told: object, where: str) -> typing.Any:
    """A dataclass of what JSON says; unknown and missing fields and wrong types are faults."""
    if not isinstance(told, dict):
        raise Fault(f"{where}: not an object")
    types = typing.get_type_hints(kind)
    if surplus := sorted(set(told) - set(types)):
        raise Fault(f"{where}: unknown: {', '.join(surplus)}")
    values = {key: _value(types[key], value, f"{where}: {key}") for key, value in told.items()}
    try:
        return kind(**values)
    except TypeError as err:
        raise Fault(f"{where}: {err}") from err


def _value(kind: typing.Any, value: object, where: str) -> typing.Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise Fault(f"{where}: not a list")
        inner = typing.get_args(kind)[0]
        return tuple(_value(inner, item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise Fault(f"{where}: {value!r} is no {kind.__name__}")
    if kind is int and value < 0:
        raise Fault(f"{where}: negative")
    return value


# Means and deviations of the latents, as published with the weights.
VAE21 = VaeConfig(
    mean=(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508)
    + (0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
    std=(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743)
    + (3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
)
VAE22 = VaeConfig(
    kind="2.2",
    base=160,
    decoder_base=256,
    z=48,
    patch=2,
    temporal=(False, True, True),
    mean=(-0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891)
    + (0.1570, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502)
    + (-0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230, -0.0313, -0.1649, 0.0117, 0.0723)
    + (-0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667),
    std=(0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901)
    + (0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659)
    + (0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944)
    + (0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744),
)
PRESETS = {"wan2.1-1.3b": wan21_1_3b, "wan2.1-14b": wan21_14b, "wan2.2-a14b": wan22_a14b, "wan2.2-5b": wan22_5b}
