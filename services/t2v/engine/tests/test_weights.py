"""Weights are read whole or refused by name, in every layout, and nothing in a file is run."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine import config as cfg
from engine import layouts, model, weights
from engine.dit import Dit
from engine.text import Encoder, TokenizerMissing
from engine.vae import Vae

from .conftest import DIT, TEXT, VAE, bidirectional, tiny

VAE22 = cfg.VaeConfig("2.2", base=8, decoder_base=16, mult=(1, 1, 2, 2), blocks=1, z=4, patch=2)


def random(module):
    torch.manual_seed(0)
    return model._random(module, "cpu", torch.float32)


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def filled(kind, config, tensors) -> dict:
    out = kind(config, "meta")
    weights.fill(out, tensors, "cpu")
    return out.state_dict()


def diffusers_dit(state: dict) -> dict:
    """Native names told as Diffusers tells them, written down by hand for two blocks."""
    top = {
        "text_embedding.0": "condition_embedder.text_embedder.linear_1",
        "text_embedding.2": "condition_embedder.text_embedder.linear_2",
        "time_embedding.0": "condition_embedder.time_embedder.linear_1",
        "time_embedding.2": "condition_embedder.time_embedder.linear_2",
        "time_projection.1": "condition_embedder.time_proj",
        "head.head": "proj_out",
    }
    part = {"self_attn": "attn1", "cross_attn": "attn2"}
    leaf = {"q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0", "norm_q": "norm_q", "norm_k": "norm_k"}
    names = {"head.modulation": "scale_shift_table", "patch_embedding.weight": "patch_embedding.weight"}
    names["patch_embedding.bias"] = "patch_embedding.bias"
    for end in ("weight", "bias"):
        names |= {f"{a}.{end}": f"{b}.{end}" for a, b in top.items()}
        for i in range(2):
            b = f"blocks.{i}."
            names[b + "modulation"] = b + "scale_shift_table"
            names[b + f"norm3.{end}"] = b + f"norm2.{end}"
            names[b + f"ffn.0.{end}"] = b + f"ffn.net.0.proj.{end}"
            names[b + f"ffn.2.{end}"] = b + f"ffn.net.2.{end}"
            for p, q in part.items():
                names |= {b + f"{p}.{x}.{end}": b + f"{q}.{y}.{end}" for x, y in leaf.items()}
    return {names[k]: t for k, t in state.items()}


def diffusers_vae(state: dict, kind: str, blocks: int, levels: int) -> dict:
    """The same for the autoencoders: every native layer counted where Diffusers has it."""
    leaf = {
        "residual.0": "norm1",
        "residual.2": "conv1",
        "residual.3": "norm2",
        "residual.6": "conv2",
        "shortcut": "conv_shortcut",
    }
    places = {"conv1": "quant_conv", "conv2": "post_quant_conv"}
    for side, way, count in (("encoder", "down", blocks), ("decoder", "up", blocks + 1)):
        places |= {
            f"{side}.conv1": f"{side}.conv_in",
            f"{side}.head.0": f"{side}.norm_out",
            f"{side}.head.2": f"{side}.conv_out",
        }
        places |= {f"{side}.middle.1.{x}": f"{side}.mid_block.attentions.0.{x}" for x in ("norm", "to_qkv", "proj")}
        for x, y in leaf.items():
            for n in (0, 1):
                places[f"{side}.middle.{2 * n}.{x}"] = f"{side}.mid_block.resnets.{n}.{y}"
        layer = 0
        for level in range(levels):
            for n in range(count + (level < levels - 1)):
                native = (
                    f"{side}.{way}samples.{layer}" if kind == "2.1" else f"{side}.{way}samples.{level}.{way}samples.{n}"
                )
                if kind == "2.1" and way == "down":
                    theirs = sampler = f"{side}.down_blocks.{layer}"
                else:
                    theirs = f"{side}.{way}_blocks.{level}.resnets.{n}"
                    sampler = f"{side}.{way}_blocks.{level}.{way}sampler" + ("s.0" if kind == "2.1" else "")
                if n < count:
                    places |= {f"{native}.{x}": f"{theirs}.{y}" for x, y in leaf.items()}
                else:
                    places |= {f"{native}.{x}": f"{sampler}.{x}" for x in ("resample.1", "time_conv")}
                layer += 1
    return {f"{places[k.rsplit('.', 1)[0]]}.{k.rsplit('.', 1)[1]}": t for k, t in state.items()}


def hugging_face_text(state: dict) -> dict:
    names = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
    b, t = "blocks.0.", "encoder.block.0.layer."
    names |= {b + f"attn.{x}.weight": t + f"0.SelfAttention.{x}.weight" for x in "qkvo"}
    names[b + "pos_embedding.embedding.weight"] = t + "0.SelfAttention.relative_attention_bias.weight"
    names |= {b + "norm1.weight": t + "0.layer_norm.weight", b + "norm2.weight": t + "1.layer_norm.weight"}
    for x, y in (("gate.0", "wi_0"), ("fc1", "wi_1"), ("fc2", "wo")):
        names[b + f"ffn.{x}.weight"] = t + f"1.DenseReluDense.{y}.weight"
    out = {names[k]: v for k, v in state.items()}
    return out | {"encoder.embed_tokens.weight": out["shared.weight"].clone()}


def saved(path: Path, state: dict) -> weights.Tensors:
    save_file(state, str(path))
    return weights.open_any(path)


def test_a_transformer_comes_in_native_diffusers_and_causal_layouts(tmp_path):
    state = random(Dit(DIT, "meta")).state_dict()
    assert equal(filled(Dit, DIT, layouts.native_dit(saved(tmp_path / "a.safetensors", state))), state)
    theirs = diffusers_dit(state)
    assert len(theirs) == len(state)
    assert equal(filled(Dit, DIT, layouts.native_dit(saved(tmp_path / "b.safetensors", theirs))), state)
    wrapped = {"generator": {f"model.{k}": t * 2 for k, t in state.items()}, "step": 5}
    wrapped["generator_ema"] = {f"model._fsdp_wrapped_module.{k}": t for k, t in state.items()}
    torch.save(wrapped, tmp_path / "c.pt")
    assert equal(filled(Dit, DIT, layouts.native_dit(weights.open_any(tmp_path / "c.pt"))), state)


@pytest.mark.parametrize("config", [VAE, VAE22], ids=["2.1", "2.2"])
def test_an_autoencoder_comes_in_native_and_diffusers_layouts(tmp_path, config):
    state = random(Vae(config, "meta")).state_dict()
    theirs = diffusers_vae(state, config.kind, config.blocks, len(config.mult))
    assert len(theirs) == len(state)
    for name, told in (("a", state), ("b", theirs)):
        tensors = saved(tmp_path / f"{name}.safetensors", told)
        native = layouts.native_vae(tensors, len(config.mult), config.blocks, config.kind)
        assert equal(filled(Vae, config, native), state)


def test_a_text_encoder_comes_in_native_and_hugging_face_layouts(tmp_path):
    state = random(Encoder(TEXT, "meta")).state_dict()
    torch.save(state, tmp_path / "a.pth")
    assert equal(filled(Encoder, TEXT, layouts.native_text(weights.open_any(tmp_path / "a.pth"))), state)
    tensors = saved(tmp_path / "b.safetensors", hugging_face_text(state))
    assert equal(filled(Encoder, TEXT, layouts.native_text(tensors)), state)


def test_shards_are_read_by_their_index_whatever_their_number(tmp_path):
    state = random(Dit(DIT, "meta")).state_dict()
    names = sorted(state)
    where = {n: f"x-{i % 3}.safetensors" for i, n in enumerate(names)}
    for file in set(where.values()):
        save_file({n: state[n] for n in names if where[n] == file}, str(tmp_path / file))
    index = tmp_path / "x.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": where}))
    assert equal(filled(Dit, DIT, weights.open_any(tmp_path)), state)
    (tmp_path / "x-1.safetensors").unlink()
    with pytest.raises(weights.BadWeights, match="missing files: x-1.safetensors"):
        weights.open_any(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(weights.BadWeights, match="names files elsewhere"):
        weights.open_any(tmp_path)


def test_every_missing_surplus_and_wrong_shaped_tensor_is_named(tmp_path):
    state = random(Dit(DIT, "meta")).state_dict()
    del state["blocks.1.ffn.0.bias"]
    state["blocks.2.modulation"] = torch.zeros(1, 6, 64)
    state["head.head.weight"] = torch.zeros(3, 3)
    with pytest.raises(weights.BadWeights) as err:
        filled(Dit, DIT, saved(tmp_path / "a.safetensors", state))
    for words in (
        "1 missing: blocks.1.ffn.0.bias",
        "1 too much: blocks.2.modulation",
        "1 wrong shape: head.head.weight [3, 3] for [16, 64]",
    ):
        assert words in str(err.value)


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/liveclip-engine-was-here",)


def pth(path: Path, content: object, root: str = "x") -> Path:
    raw = content if isinstance(content, bytes) else pickle.dumps(content)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(f"{root}/data.pkl", raw)
    return path


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    mark = Path("/tmp/liveclip-engine-was-here")
    mark.unlink(missing_ok=True)
    torch.save({"a": torch.zeros(2), "b": Evil()}, tmp_path / "a.pth")
    with pytest.raises(weights.BadWeights, match="only tensors are read"):
        weights.open_any(tmp_path / "a.pth")
    with pytest.raises(weights.BadWeights, match="only tensors are read"):
        weights.open_any(pth(tmp_path / "b.pth", Evil()))
    assert not mark.exists()


def test_broken_files_are_refused_by_name(tmp_path):
    state = random(Encoder(TEXT, "meta")).state_dict()
    torch.save(state, tmp_path / "good.pth")
    save_file(state, str(tmp_path / "good.safetensors"))
    good = {n: (tmp_path / n).read_bytes() for n in ("good.pth", "good.safetensors")}
    for name, raw in good.items():
        for cut in (0, 5, 100, len(raw) // 2, len(raw) - 1):
            bad = tmp_path / f"cut{cut}-{name}"
            bad.write_bytes(raw[:cut])
            with pytest.raises(weights.BadWeights, match=bad.name):
                filled(Encoder, TEXT, weights.open_any(bad))
    (tmp_path / "x.pth").write_bytes(pickle.dumps({"a": 1}))
    for path in ("x.pth", "nothing.safetensors", "x.onnx"):
        with pytest.raises(weights.BadWeights, match=path):
            weights.open_any(tmp_path / path)


def test_a_tensor_that_reaches_outside_its_storage_is_refused(tmp_path):
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(6.0)}, buffer)
    source = zipfile.ZipFile(buffer)
    root = source.namelist()[0].split("/")[0]
    raw = source.read(f"{root}/data.pkl").replace(b"K\x06", b"K\x7f")  # 127 where 6 numbers are
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as z:
        for name in source.namelist():
            z.writestr(name, raw if name.endswith("data.pkl") else source.read(name))
    with pytest.raises(weights.BadWeights, match="tensor a"):
        weights.open_any(tmp_path / "a.pth").read("a")


def fuzzed(raw: bytes, seed: int) -> bytes:
    import random as r

    choose, out = r.Random(seed), bytearray(raw)
    for _ in range(choose.randrange(1, 8)):
        at = choose.randrange(len(out))
        if choose.random() < 0.5:
            out[at] = choose.randrange(256)
        else:
            del out[at : at + choose.randrange(1, 64)]
        out = out or bytearray(b"\0")
    return bytes(out)


def test_no_damage_to_a_file_does_more_than_refuse_it(tmp_path):
    state = {"a.b": torch.arange(6.0).reshape(2, 3), "c": torch.ones(4)}
    torch.save(state, tmp_path / "x.pth")
    save_file(state, str(tmp_path / "x.safetensors"))
    for name in ("x.pth", "x.safetensors"):
        raw = (tmp_path / name).read_bytes()
        for seed in range(150):
            bad = tmp_path / f"bad{Path(name).suffix}"
            bad.write_bytes(fuzzed(raw, seed))
            try:
                tensors = weights.open_any(bad)
                for tensor in tensors:
                    tensors.read(tensor)
            except weights.BadWeights:
                pass


def written(folder: Path, config: cfg.ModelConfig, tokenizer: bool = True) -> Path:
    """A model's folder in the shipped layout, its weights random, its tokenizer the tiny model's."""
    made = model.random(config)
    folder.mkdir()
    cfg.write(config, folder / "model.json")
    for name, part in (("model", made.dits[0]), ("vae", made.vae), ("text", made.text)):
        save_file(part.state_dict(), str(folder / f"{name}.safetensors"))
    if tokenizer:
        import sentencepiece

        out = io.BytesIO()
        words = iter(["a red circle moving left", "a blue square moving up"] * 50)
        told = {"vocab_size": 300, "byte_fallback": True, "hard_vocab_limit": False, "minloglevel": 2}
        sentencepiece.SentencePieceTrainer.Train(sentence_iterator=words, model_writer=out, **told)
        (folder / "spiece.model").write_bytes(out.getvalue())
    return folder


def test_a_model_is_loaded_from_its_folder_and_marked_by_all_it_is(tmp_path):
    folder = written(tmp_path / "m", tiny())
    loaded = model.load(folder)
    assert equal(loaded.dits[0].state_dict(), model.random(tiny()).dits[0].state_dict())
    assert loaded.embed("a red circle").shape == (1, 8, 24)
    assert model.load(folder).fingerprint == loaded.fingerprint
    state = {**loaded.vae.state_dict()}
    state["conv1.bias"] = state["conv1.bias"] + 1
    save_file(state, str(folder / "vae.safetensors"))
    assert model.load(folder).fingerprint != loaded.fingerprint


def test_without_its_tokenizer_a_model_is_refused(tmp_path):
    folder = written(tmp_path / "m", tiny(), tokenizer=False)
    with pytest.raises(weights.BadWeights, match="spiece.model"):
        model.load(folder)
    (folder / "spiece.model").write_bytes(b"no model")
    with pytest.raises(TokenizerMissing, match="spiece.model is no SentencePiece model"):
        model.load(folder)
    with pytest.raises(TokenizerMissing, match="no tokenizer"):
        model.random(tiny()).embed("a red circle")


@pytest.mark.parametrize(
    "told, words",
    [
        ("[]", "not an object"),
        ("{", "model.json"),
        ('{"preset": "gpt"}', "preset: 'gpt' is none of"),
        ('{"preset": "wan2.1-1.3b", "color": 1}', "unknown: color"),
        ('{"preset": "wan2.1-1.3b", "dit": {"heads": 7}}', "1536 is no multiple of 7"),
        ('{"preset": "wan2.1-1.3b", "dit": {"layers": "many"}}', "dit: layers: 'many' is no int"),
        ('{"preset": "wan2.1-1.3b", "vae": {"z": 3}}', "vae.z: 3, but dit.channels: 16"),
        ('{"preset": "wan2.2-a14b", "guidance": [3.0, 4.0], "stream": {"chunk": 3, "window": 9}}', "one cache"),
        ('{"preset": "wan2.1-1.3b", "stream": {"chunk": 3, "window": 1030}}', "more than the 1024 positions"),
        ('{"name": "x"}', "missing"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_its_fields(tmp_path, told, words):
    (tmp_path / "model.json").write_text(told)
    with pytest.raises(cfg.Fault, match=words.replace("(", r"\(")):
        cfg.read(tmp_path / "model.json")


def test_what_is_written_is_read_again(tmp_path):
    for config in (tiny(), bidirectional(), cfg.wan22_a14b(), cfg.causal(cfg.wan22_5b(), sinks=3)):
        cfg.write(config, tmp_path / "model.json")
        assert cfg.read(tmp_path / "model.json") == config
    (tmp_path / "model.json").write_text(
        '{"preset": "wan2.1-1.3b", "name": "ours", "stream": {"chunk": 3, "window": 9}}'
    )
    read = cfg.read(tmp_path / "model.json")
    assert (read.name, read.dit.layers, read.stream.window, read.guidance) == ("ours", 30, 9, (6.0,))
