"""open_clip's byte-pair tokenizer as a `tokenizers` JSON, so that serving needs no open_clip.

What stays behind is `ftfy`, which repairs broken Unicode, and HTML entities: queries are typed by people.
"""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""Contractions, runs of letters, single digits, runs of anything else."""


def convert_tokenizer(simple: Any) -> Tokenizer:
    """An `open_clip.SimpleTokenizer` that cleans by lower case, as a `tokenizers.Tokenizer`.

    The result adds the start and end tokens; cutting and padding is left to whoever uses it.
    """
    vocabulary: dict[str, int] = dict(simple.encoder)
    start, end = (token for token, number in vocabulary.items() if number in simple.all_special_ids)
    merges = [pair for pair, _ in sorted(simple.bpe_ranks.items(), key=lambda item: item[1])]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token=end))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    ends = [(start, vocabulary[start]), (end, vocabulary[end])]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{start} $A {end}", special_tokens=ends)
    return tokenizer
