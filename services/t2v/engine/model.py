"""A model, whole: transformer (or its two experts), autoencoder, text encoder, tokenizer. Stateless and shared by sessions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from . import layouts, weights
from .config import Fault, ModelConfig, read
from .dit import Dit, Prompt
from .sampler import Sampler, few, schedule
from .text import Encoder, Tokenizer, TokenizerMissing, zero_padded
from .vae import Vae

# Where the parts lie in a folder, in the order they are looked for: the shipped model's own names, Wan's, Diffusers'.
DIT = (
    "model.safetensors",
    "transformer",
    "model.pt",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
)
HIGH, LOW = ("high_noise_model", "transformer"), ("low_noise_model", "transformer_2")
VAE = ("vae.safetensors", "Wan2.2_VAE.pth", "Wan2.1_VAE.pth", "vae")
TEXT = ("text.safetensors", "models_t5_umt5-xxl-enc-bf16.pth", "text_encoder")
TOKENIZER = ("spiece.model", "google/umt5-xxl/spiece.model", "tokenizer/spiece.model")


class Model:
    """safe for many sessions: nothing here changes after construction"""

    def __init__(
        self, config: ModelConfig, dits: list[Dit], vae: Vae, text: Encoder, tokenizer: Tokenizer | None, mark: str
    ):
        self.config, self.dits, self.vae, self.text, self.tokenizer = config, dits, vae, text, tokenizer
        self.fingerprint = mark  # of weights, tokenizer and configuration: the same gives the same pictures
        if tokenizer is not None and tokenizer.size > config.text.vocab:
            raise weights.BadWeights(
                f"tokenizer has {tokenizer.size} pieces, the text encoder knows {config.text.vocab}"
            )

    @property
    def device(self) -> torch.device:
        return self.dits[0].device

    def dit(self, t: float) -> Dit:
        """The expert of a timestep, 0 to 1000."""
        return self.dits[0] if len(self.dits) == 1 or t >= self.config.boundary * 1000 else self.dits[1]

    def guidance(self, t: float) -> float:
        """The model's own at a timestep."""
        told = self.config.guidance
        return told[0] if len(told) == 1 or t < self.config.boundary * 1000 else told[1]

    def embed(self, prompt: str) -> Tensor:
        """[1, text_len, text_dim], zero-padded."""
        if self.tokenizer is None:
            raise TokenizerMissing(f"model {self.config.name} has no tokenizer: prompts cannot be read without it")
        return zero_padded(self.text.embed(self.tokenizer, prompt), self.config.dit.text_len)

    def tuned(self) -> "Model":
        """Self, arranged for a GPU."""
        self.vae.arrange()
        return self

    def fused(self) -> "Model":
        """Self, what lies between the products and convolutions compiled. Needs PyTorch 2."""
        self.vae.fuse()
        for dit in self.dits:
            dit.fuse()
        return self

    def prompts(self, embedding: Tensor) -> list[Prompt]:
        """Cross-attention's keys for each expert."""
        return [dit.prompt(embedding.to(self.device)) for dit in self.dits]

    def sampler(self, steps: int = 0) -> Sampler:
        """0: the model's own number of steps."""
        c = self.config
        if c.stream.steps:
            return few(c.stream.steps, c.shift, steps)
        return schedule(c.sampler, steps or c.steps, c.shift)

    def most_steps(self) -> int:
        return len(self.config.stream.steps) or 200


def load(
    folder: Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    transformers: list[Dit] | None = None,
) -> Model:
    """The model in a folder with a model.json. Raises Fault, BadWeights or TokenizerMissing, which name what is wrong.
    transformers are the folder's, where they are loaded already."""
    config = read(folder / "model.json")
    c, v = config, config.vae
    mark = hashlib.sha256(json.dumps(repr(config)).encode())
    for places in _transformers(c):
        _first(folder, places, mark)
    if transformers is None:
        transformers = dits(folder, c, device, dtype)
    vae = _filled(
        Vae(v, "meta"), layouts.native_vae(_opened(folder, VAE, mark), len(v.mult), v.blocks, v.kind), device, dtype
    )
    text = _filled(Encoder(c.text, "meta"), layouts.native_text(_opened(folder, TEXT, mark)), device, dtype)
    tokenizer = Tokenizer(_first(folder, TOKENIZER, mark))
    return Model(config, transformers, vae, text, tokenizer, mark.hexdigest()[:16])


def dits(
    folder: Path,
    config: ModelConfig,
    device: str | torch.device,
    dtype: torch.dtype,
    span: tuple[int, int] | None = None,
) -> list[Dit]:
    """The transformers of a folder; of span only those blocks are read, and the others are not to be run."""
    out = []
    for places in _transformers(config):
        tensors = layouts.native_dit(weights.open_any(_first(folder, places, hashlib.sha256())))
        dit = Dit(config.dit, "meta")
        dit.span = span or dit.span
        there = tuple(f"blocks.{i}." for i in range(*dit.span))
        weights.fill(dit, tensors, device, dtype, lambda name: not name.startswith("blocks.") or name.startswith(there))
        out.append(dit.eval().compute_in(dtype))
    return out


def _transformers(config: ModelConfig) -> tuple[tuple[str, ...], ...]:
    """Where each lies, in the order they are looked for."""
    return (HIGH, LOW) if config.experts else (DIT,)


def random(
    config: ModelConfig, seed: int = 0, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Model:
    """Random weights of a configuration, the head's too: for tests, and for benchmarks, whose speed does not depend on them."""
    config.check()
    torch.manual_seed(seed)
    dits = []
    for _ in range(2 if config.experts else 1):
        dits.append(_random(Dit(config.dit, "meta"), device, dtype).compute_in(dtype))
    vae, text = (_random(part, device, dtype) for part in (Vae(config.vae, "meta"), Encoder(config.text, "meta")))
    return Model(config, dits, vae, text, None, f"random-{config.name}-{seed}")


def _random(module: nn.Module, device: str | torch.device, dtype: torch.dtype) -> nn.Module:
    for part in module.modules():
        for name, p in list(part._parameters.items()):
            if p is None:
                continue
            value = torch.empty(p.shape, device=device, dtype=dtype)
            if name == "gamma" or "norm" in type(part).__name__.lower() or type(part).__name__ == "Scale":
                value.fill_(0.0 if name == "bias" else 1.0)
            else:
                value.normal_(std=0.02 if p.dim() < 2 else p[0].numel() ** -0.5)
            part._parameters[name] = nn.Parameter(value, requires_grad=False)
    return module.eval()


def _filled(module: nn.Module, tensors: weights.Tensors, device: str | torch.device, dtype: torch.dtype) -> nn.Module:
    weights.fill(module, tensors, device, dtype)
    return module.eval()


def _opened(folder: Path, places: tuple[str, ...], mark) -> weights.Tensors:
    return weights.open_any(_first(folder, places, mark))


def _first(folder: Path, places: tuple[str, ...], mark) -> Path:
    """The first of places that exists; its name and the content of its smaller files, size and time of the greater, are
    taken into the fingerprint."""
    for place in places:
        path = folder / place
        if path.exists():
            for file in sorted(p for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()):
                stat = file.stat()
                told = hashlib.sha256(file.read_bytes()).hexdigest() if stat.st_size < 64 << 20 else stat.st_mtime_ns
                mark.update(f"{file.relative_to(folder)} {stat.st_size} {told}\n".encode())
            return path
    raise weights.BadWeights(f"model {folder.name}: none of {', '.join(places)} is there")


__all__ = ["BadModel", "Fault", "Model", "load", "random"]
BadModel = (Fault, weights.BadWeights, TokenizerMissing)
