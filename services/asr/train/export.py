"""Writes a trained model as sherpa-onnx reads it: a streaming NeMo CTC model (model.onnx, tokens.txt), the table of homophones and the manifest.

    python -m train.export --checkpoint FILE --out DIR

The ONNX graph takes and gives what OnlineNeMoCtcModel of sherpa-onnx 1.12 does, by position:
inputs features (B, 80, window), length (B), cache_last_channel, cache_last_time, cache_last_channel_len (B);
outputs log-probabilities (B, chunk, V), length (B), and the three caches. The first cache is not used, and passed on.
Weights are kept as half floats and widened when the model is loaded: half the size, and the arithmetic stays that of 32 bits.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from . import homophones
from .features import BINS, SAMPLE_RATE
from .model import Recogniser, Shape

NAME = "mandarin-commerce"


class _Streaming(nn.Module):
    def __init__(self, model: Recogniser) -> None:
        super().__init__()
        self.model = model

    def forward(self, feats: Tensor, length: Tensor, channel: Tensor, time: Tensor, seen: Tensor):
        log_probs, kept = self.model.step(feats.transpose(1, 2), time)
        steps = torch.full_like(length, self.model.shape.chunk)
        return log_probs, steps, channel + 0.0, kept, seen + steps


def _halve(model: onnx.ModelProto) -> None:
    """Keeps big weights as half floats, each with a Cast before its use."""
    casts = []
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype != np.float32 or array.size < 1024:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def write_onnx(model: Recogniser, path: Path, half: bool = True) -> None:
    """Exports the streaming form of a model."""
    shape = model.shape
    feats = torch.zeros(1, BINS, shape.window)
    length = torch.tensor([shape.window])
    channel = torch.zeros(1, 1, 1, 1)
    time = torch.zeros(1, len(shape.ahead), shape.width, shape.left)
    names_in = ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    names_out = ["logprobs", "encoded_lengths", "cache_last_channel_next", "cache_last_time_next", "cache_last_channel_next_len"]
    torch.onnx.export(
        _Streaming(model).eval(),
        (feats, length, channel, time, torch.zeros(1, dtype=torch.int64)),
        str(path),
        input_names=names_in,
        output_names=names_out,
        dynamic_axes={n: {0: "batch"} for n in names_in + names_out},
        opset_version=14,
    )
    graph = onnx.load(str(path))
    if half:
        _halve(graph)
    meta = {
        "window_size": shape.window,
        "chunk_shift": shape.shift,
        "subsampling_factor": 4,
        "vocab_size": shape.tokens - 1,  # sherpa-onnx adds the blank
        "cache_last_channel_dim1": 1,
        "cache_last_channel_dim2": 1,
        "cache_last_channel_dim3": 1,
        "cache_last_time_dim1": len(shape.ahead),
        "cache_last_time_dim2": shape.width,
        "cache_last_time_dim3": shape.left,
        "model_type": "EncDecCTCModel",
        "comment": f"liveclip {NAME}",
    }
    helper.set_model_props(graph, {k: str(v) for k, v in meta.items()})
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def write_tokens(vocabulary: list[str], path: Path) -> None:
    """vocabulary: the tokens after the blank."""
    path.write_text("".join(f"{t} {i}\n" for i, t in enumerate(["<blk>", *vocabulary])))


def write_manifest(folder: Path, about: str) -> None:
    """Writes model.yaml over the files that are there."""
    lines = [f"name: {NAME}", "kind: nemo-ctc", "language: zh", f"sample_rate: {SAMPLE_RATE}", "files:"]
    for name in ("model.onnx", "tokens.txt", "homophones.txt"):
        lines.append(f"  {name}: {hashlib.sha256((folder / name).read_bytes()).hexdigest()}")
    lines += [f"about: {about}", "licence: the project's own; weights trained here on synthetic speech (espeak-ng)"]
    (folder / "model.yaml").write_text("\n".join(lines) + "\n")


def load(checkpoint: Path) -> tuple[Recogniser, list[str]]:
    """Reads what train.py saved: the model, ready to evaluate, and its tokens after the blank."""
    saved = torch.load(checkpoint, map_location="cpu")
    model = Recogniser(Shape(**saved["shape"]))
    model.load_state_dict(saved["weights"])
    return model.eval(), saved["vocabulary"]


def write(model: Recogniser, vocabulary: list[str], folder: Path, about: str) -> None:
    """Writes the whole folder of a model but for its card."""
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(model, folder / "model.onnx")
    write_tokens(vocabulary, folder / "tokens.txt")
    homophones.write(folder / "homophones.txt")
    write_manifest(folder, about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model, vocabulary = load(args.checkpoint)
    write(model, vocabulary, args.out, "small streaming Mandarin recogniser for live selling; see README.md for what it can hear")


if __name__ == "__main__":
    main()
