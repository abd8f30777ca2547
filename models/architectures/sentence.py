"""A sentence encoder of BERT's form: MiniLM, six layers of 384, its sentence the mean of its tokens.

Sources: Wang et al. 2020, arXiv:2002.10957 (MiniLM); Reimers and Gurevych 2019, arXiv:1908.10084 (the mean).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, LAYERS, HEADS, HIDDEN = 384, 6, 12, 1536
CONTEXT_LENGTH = 32
"""Positions that are kept; a longer text is cut."""
PAD = 0
_FAR = -1e4


class SentenceEncoder(nn.Module):
    """(n, t) token ids, 0 behind the end → (n, WIDTH) sentences of unit L2 norm."""

    def __init__(self, vocabulary: int, layers: int = LAYERS) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Parameter(torch.zeros(CONTEXT_LENGTH, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(_Layer() for _ in range(layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed texts that the tokenizer has cut and padded."""
        real = (tokens != PAD).float()
        hidden = self.norm(self.words(tokens) + self.places[: tokens.shape[1]])
        far = (1 - real)[:, None, None, :] * _FAR
        for layer in self.layers:
            hidden = layer(hidden, far)
        total = (hidden * real[..., None]).sum(1)
        return functional.normalize(total / real.sum(1, keepdim=True).clamp(min=1))


class _Layer(nn.Module):
    """Attention and two linear layers, each added and then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.out, self.out_norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH, eps=1e-12)
        self.up, self.down, self.norm = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH), nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, hidden: Tensor, far: Tensor) -> Tensor:
        """(n, t, WIDTH) → the same; `far` (n, 1, 1, t) is added to the logits of attention."""
        query, key, value = (self._split(part(hidden)) for part in (self.query, self.key, self.value))
        weights = (query @ key.transpose(2, 3) * (HEADS / WIDTH) ** 0.5 + far).softmax(-1)
        seen = (weights @ value).transpose(1, 2).flatten(2)
        hidden = self.out_norm(hidden + self.out(seen))
        added: Tensor = self.norm(hidden + self.down(functional.gelu(self.up(hidden))))
        return added

    @staticmethod
    def _split(rows: Tensor) -> Tensor:
        split: Tensor = rows.reshape(rows.shape[0], rows.shape[1], HEADS, WIDTH // HEADS)
        return split.transpose(1, 2)


_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "out_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm",
}


def from_bert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A BERT checkpoint's weights under this module's names, the type of the first sentence added to its places."""
    found = {
        "words.weight": state["embeddings.word_embeddings.weight"],
        "places": state["embeddings.position_embeddings.weight"][:CONTEXT_LENGTH]
        + state["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": state["embeddings.LayerNorm.weight"],
        "norm.bias": state["embeddings.LayerNorm.bias"],
    }
    for name, value in state.items():
        if name.startswith("encoder.layer."):
            number, _, rest = name.removeprefix("encoder.layer.").partition(".")
            module, _, kind = rest.rpartition(".")
            found[f"layers.{number}.{_NAMES[module]}.{kind}"] = value
    return found
