"""Names of tensors in the layouts weights come in, told as native names.

Native is what Wan publishes; Diffusers is what its pipelines save; causal checkpoints wrap a native model in a dict. Names
are sorted by pattern, so that a model of any depth is covered.
"""

from __future__ import annotations

import re
from typing import Callable

from .weights import Tensors

_dit = (
    (r"condition_embedder\.time_embedder\.linear_(\d)", lambda m: f"time_embedding.{(int(m[1]) - 1) * 2}"),
    (r"condition_embedder\.text_embedder\.linear_(\d)", lambda m: f"text_embedding.{(int(m[1]) - 1) * 2}"),
    (r"condition_embedder\.time_proj", "time_projection.1"),
    (r"^scale_shift_table", "head.modulation"),
    (r"\.scale_shift_table", ".modulation"),
    (r"^proj_out", "head.head"),
    (r"\.ffn\.net\.0\.proj", ".ffn.0"),
    (r"\.ffn\.net\.2", ".ffn.2"),
    (r"\.norm2\.", ".norm3."),  # the only norm with weights; Diffusers counts them in the order they run
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.to_out\.0\.", ".o."),
)
_text = (
    (r"^shared\.", "token_embedding."),
    (
        r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.relative_attention_bias\.",
        r"blocks.\1.pos_embedding.embedding.",
    ),
    (r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.", r"blocks.\1.attn."),
    (r"^encoder\.block\.(\d+)\.layer\.0\.layer_norm\.", r"blocks.\1.norm1."),
    (r"^encoder\.block\.(\d+)\.layer\.1\.layer_norm\.", r"blocks.\1.norm2."),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_0\.", r"blocks.\1.ffn.gate.0."),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_1\.", r"blocks.\1.ffn.fc1."),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wo\.", r"blocks.\1.ffn.fc2."),
    (r"^encoder\.final_layer_norm\.", "norm."),
)
_residual = (
    (r"\.norm1\.", ".residual.0."),
    (r"\.conv1\.", ".residual.2."),
    (r"\.norm2\.", ".residual.3."),
    (r"\.conv2\.", ".residual.6."),
    (r"\.conv_shortcut\.", ".shortcut."),
)


def native_dit(tensors: Tensors) -> Tensors:
    """Of a transformer in any layout."""
    names = set(tensors)
    for wrapper in ("generator_ema", "generator"):  # the averaged one is the better
        if any(n.startswith(wrapper + ".") for n in names):
            tensors = tensors.renamed(lambda n, w=wrapper + ".": n[len(w) :] if n.startswith(w) else None)
            break
    for prefix in ("model.", "_fsdp_wrapped_module.", "module."):
        tensors = tensors.renamed(lambda n, p=prefix: n[len(p) :] if n.startswith(p) else n)
    if "proj_out.weight" in set(tensors):
        tensors = tensors.renamed(_by(_dit))
    return tensors


def native_text(tensors: Tensors) -> Tensors:
    names = set(tensors)
    if "shared.weight" not in names and "encoder.embed_tokens.weight" in names:
        tensors = tensors.renamed(lambda n: n.replace("encoder.embed_tokens.", "shared."))
    elif "encoder.embed_tokens.weight" in names:  # the same table again
        tensors = tensors.renamed(lambda n: None if n == "encoder.embed_tokens.weight" else n)
    return tensors.renamed(_by(_text)) if "shared.weight" in set(tensors) else tensors


def native_vae(tensors: Tensors, levels: int, blocks: int, kind: str) -> Tensors:
    """levels and blocks are of the configuration: 2.1 counts all layers of a side through, Diffusers by level."""
    if "quant_conv.weight" not in set(tensors):
        return tensors
    return tensors.renamed(lambda name: _vae_name(name, levels, blocks, kind))


def _vae_name(name: str, levels: int, blocks: int, kind: str) -> str:
    for old, new in (("post_quant_conv.", "conv2."), ("quant_conv.", "conv1.")):
        if name.startswith(old):
            return new + name[len(old) :]
    side, rest = name.split(".", 1)
    for old, new in (("conv_in.", "conv1."), ("conv_out.", "head.2."), ("norm_out.", "head.0.")):
        if rest.startswith(old):
            return f"{side}.{new}{rest[len(old) :]}"
    if match := re.match(r"mid_block\.resnets\.(\d)(\..*)", rest):
        return f"{side}.middle.{int(match[1]) * 2}{_replaced(match[2], _residual)}"
    if match := re.match(r"mid_block\.attentions\.0(\..*)", rest):
        return f"{side}.middle.1{match[1]}"
    if match := re.match(r"(down|up)_blocks\.(\d+)(\.resnets\.(\d+)|\.(?:down|up)samplers?(?:\.0)?)?(\..*)", rest):
        way, level, within, number, tail = match[1] + "samples", int(match[2]), match[3], match[4], match[5]
        count = blocks if way == "downsamples" else blocks + 1
        layer = int(number) if number is not None else count
        tail = _replaced(tail, _residual) if number is not None or within is None else tail
        if kind == "2.2":
            return f"{side}.{way}.{level}.{way}.{layer}{tail}"
        if within is None:  # the encoder of 2.1 is counted through there, too
            return f"{side}.{way}.{level}{tail}"
        return f"{side}.{way}.{level * (count + 1) + layer}{tail}"
    return name


def _by(table: tuple) -> Callable[[str], str]:
    return lambda name: _replaced(name, table)


def _replaced(name: str, table: tuple) -> str:
    for pattern, new in table:
        name = re.sub(pattern, new, name)
    return name
