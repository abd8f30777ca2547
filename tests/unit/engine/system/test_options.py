"""Words of the command line, whatever the locale."""

from __future__ import annotations

import pytest

from engine.system.options import typed


@pytest.mark.parametrize("words", ["red", "röd", "赤", "👗", ""])
def test_words_that_python_kept_as_bytes(words: str) -> None:
    """Where the locale is ASCII's they come with halves of characters; elsewhere as they are."""
    assert typed(words) == words
    assert typed(words.encode().decode("ascii", "surrogateescape")) == words


def test_bytes_of_another_encoding_stay() -> None:
    """What they mean cannot be told; whoever reads them says so."""
    latin = "röd".encode("latin-1").decode("ascii", "surrogateescape")
    assert typed(latin) == latin
