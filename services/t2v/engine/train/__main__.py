"""python -m engine.train OUT: trains the tiny model and leaves its folder as the engine loads it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..config import ModelConfig, write
from ..text import Tokenizer
from ..vae import Vae
from . import dit, tokens, vae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vae-seconds", type=float, default=800, help="processor time; 0: keep the autoencoder in OUT")
    parser.add_argument("--dit-seconds", type=float, default=720)
    parser.add_argument("--sharpen-seconds", type=float, default=240, help="of the decoder alone, at the end")
    parser.add_argument("--go-on", action="store_true", help="train the transformer in OUT further")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        print(text, flush=True)

    if args.vae_seconds > 0:
        _save(vae.train(args.vae_seconds, say).state_dict(), args.out / "vae.safetensors")
    autoencoder = Vae(dit.CONFIG.vae)
    autoencoder.load_state_dict(_read(args.out / "vae.safetensors"))
    tokens.train(args.out / "spiece.model")
    tokenizer = Tokenizer(args.out / "spiece.model")

    def save(model: dict[str, Tensor], text: dict[str, Tensor], config: ModelConfig) -> None:
        _save(model, args.out / "model.safetensors")
        _save(text, args.out / "text.safetensors")
        write(replace(config, text=replace(config.text, vocab=tokenizer.size)).check(), args.out / "model.json")

    if args.dit_seconds > 0:
        start = {f"dit.{n}": t for n, t in _read(args.out / "model.safetensors").items()} if args.go_on else {}
        start |= {f"text.{n}": t for n, t in _read(args.out / "text.safetensors").items()} if args.go_on else {}
        dit.train(autoencoder, tokenizer, args.dit_seconds, say, save, start or None)
    if args.sharpen_seconds > 0:
        vae.sharpen(autoencoder, args.sharpen_seconds, say)
        _save(autoencoder.state_dict(), args.out / "vae.safetensors")


def _read(file: Path) -> dict[str, Tensor]:
    return {name: t.float() for name, t in load_file(file).items()}


def _save(tensors: dict[str, Tensor], file: Path) -> None:
    save_file({name: t.detach().half().contiguous() for name, t in tensors.items()}, str(file))


main()
