"""Text that was encoded as UTF-8 twice is put right where that is certain, and never where it may be meant so."""

from __future__ import annotations

import time

import pytest

from engine.products.reading import read_product
from engine.products.twice_encoded import once_encoded, once_encoded_fields


def encoded_again(text: str, encoding: str = "cp1252") -> str:
    """As a program leaves it that takes UTF-8 for another encoding; bytes that it lacks stay as they are."""
    return "".join(
        bytes([byte]).decode("latin-1" if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else encoding)
        for byte in text.encode()
    )


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text",
    ["Chloé", "über", "Größe", "Œuvre", "20 €", "£20", "100\u00a0g", "привет", "Ελλάδα", "日本製", "Levi’s® 501™",
     "naïve – robe", "Ăla șanț țară", "Żółty", "İstanbul", "👗 dress", "مرحبا", "MÄNTEL", "½", "à la mode"],
)  # fmt: skip
def test_what_was_meant(text: str, encoding: str) -> None:
    """Encoded twice, it is read; encoded once, it stays."""
    assert once_encoded(encoded_again(text, encoding)) == text
    assert once_encoded(text) == text


def test_three_times() -> None:
    """A program that exports what another one exported."""
    assert once_encoded(encoded_again(encoded_again("Größe"))) == "Größe"


@pytest.mark.parametrize(
    "text",
    ["NESCAFÉ®", "CAFÉ™", "CAFÉ»", "«CAFÉ»", "LÃ®", "LÃ", "MAÇÃ®", "café®™", "KESÄ™", "SMÅ®", "VOILÀ…", "PÂTÉ®",
     "São Paulo", "ChloÃ© – été"],
)  # fmt: skip
def test_what_may_be_meant_so(text: str) -> None:
    """Capital letters before a sign look alike; and a text that is sound elsewhere was not encoded twice as a whole."""
    assert once_encoded(text) == text


def test_a_products_words_but_not_its_names() -> None:
    """Words and attributes are put right, which is told; ids and addresses stay as they are."""
    reading = read_product(
        {
            "id": "ChloÃ©-1", "title": "Robe Ã©tÃ©", "link": "https://shop.example/ChloÃ©", "brand": "ChloÃ©",
            "image_link": "https://shop.example/a.jpg", "product_type": ["VÃªtements > Ã‰tÃ©"], "GrÃ¶ÃŸe": "M",
            "attributes": {"MÃ¤rke": "Ã¼"},
        }
    )  # fmt: skip
    product = reading.product
    assert product is not None
    assert (product.product_id, product.link) == ("ChloÃ©-1", "https://shop.example/ChloÃ©")
    assert (product.title, product.brand, product.category) == ("Robe été", "Chloé", "Vêtements > Été")
    assert product.attributes == {"GrÃ¶ÃŸe": "M", "Märke": "ü"}
    assert "title: text that was encoded as UTF-8 twice was put right" in reading.notes
    assert len(reading.notes) == 4


@pytest.mark.parametrize("value", [float("nan"), ("red", "blue"), ["red"], {"a": 1}, None, 3, True])
def test_what_is_no_such_text_is_not_told(value: object) -> None:
    """Whatever its type, it is as it was."""
    meant, names = once_encoded_fields({"color": value, "price": value})
    assert names == ()
    assert meant["color"] is value or meant["color"] == value


def test_texts_without_end_take_no_time() -> None:
    """What is cut anyway is not read again and again."""
    start = time.process_time()
    assert once_encoded("Ã¼" * 8_000_000).startswith("Ã")
    assert once_encoded("Ã¼" * 20_000) == "ü" * 20_000
    assert time.process_time() - start < 5
