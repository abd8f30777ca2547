"""The CLIP's own tokenizer: byte-level BPE over the captions that it is trained with.

Small, since the captions' language is; any other word still has tokens, byte by byte. Texts
end with `<end>`, whose id is the highest, so that the tower can find it by argmax; 0 pads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTEXT_LENGTH = 32
PAD, START, END = "<pad>", "<start>", "<end>"


def train_tokenizer(texts: Iterable[str], vocabulary: int = 4096) -> Tokenizer:
    """Learn merges from texts; the result pads with 0 and cuts at CONTEXT_LENGTH by itself."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=[PAD, START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([END])
    ids = {token: tokenizer.token_to_id(token) for token in (PAD, START, END)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, ids[START]), (END, ids[END])]
    )
    tokenizer.enable_truncation(CONTEXT_LENGTH)
    tokenizer.enable_padding(pad_id=0, pad_token=PAD, length=CONTEXT_LENGTH)
    return tokenizer


def tokens_of(tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
    """(n, CONTEXT_LENGTH) token ids, 0 behind the end."""
    return np.array([encoding.ids for encoding in tokenizer.encode_batch(list(texts))], np.int64)
