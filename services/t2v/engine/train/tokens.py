"""The tiny model's own tokenizer: SentencePiece, in the format of the big one's, with bytes for what it never saw."""

from __future__ import annotations

import io
import random
from pathlib import Path

from .shapes import any_scene

VOCAB = 380


def train(file: Path) -> None:
    import sentencepiece

    choose = random.Random(1)
    lines = [any_scene(choose).prompt(choose) for _ in range(4000)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=VOCAB,
        model_type="unigram",
        normalization_rule_name="identity",
        byte_fallback=True,
        character_coverage=1.0,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    file.write_bytes(model.getvalue())
