"""Prices from one amount on: the lowest is the price, and it is told."""

from __future__ import annotations

import pytest

from engine.products.prices import read_prices

TOLD = "price was a range, of which the lowest price was kept"


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [
        ("10.00 - 20.00 EUR", 10, "EUR"), ("19,99 – 29,99 €", 19.99, "EUR"), ("€10 - €20", 10, "EUR"),
        ("$10.00-$20.00", 10, "USD"), ("10€-20€", 10, "EUR"), ("10–20 €", 10, "EUR"), ("1,299-1,499 USD", 1299, "USD"),
        ("1.299,00 € - 1.499,00 €", 1299, "EUR"), ("10 bis 20 EUR", 10, "EUR"), ("9.99...19.99 EUR", 9.99, "EUR"),
        ("from 19.99", 19.99, None), ("Ab 10,00 €", 10, "EUR"), ("à partir de 49,90 €", 49.9, "EUR"),
        ("from 10 to 20 EUR", 10, "EUR"), ("от 1000 руб", 1000, "RUB"), ("1000円〜", 1000, "JPY"),
        ("¥1,000～¥2,000", 1000, "JPY"), ({"min": 10, "max": "20", "currency": "EUR"}, 10, "EUR"),
        ({"lowPrice": "10", "highPrice": "20", "priceCurrency": "EUR"}, 10, "EUR"),
        ({"minVariantPrice": {"amount": "10.0", "currencyCode": "EUR"}}, 10, "EUR"),
    ],
)  # fmt: skip
def test_the_lowest_of_a_range_is_the_price(written: object, amount: float, currency: str | None) -> None:
    """So a shop shows it; the other currency's name counts for both ends."""
    prices = read_prices({"price": written})
    assert (prices.price, prices.currency, prices.notes, prices.reasons) == (amount, currency, (TOLD,), ())


@pytest.mark.parametrize(
    "written",
    ["10-20 EUR", "49-90 руб", "20 - 10 EUR", "10 EUR - 20 USD", "0 - 20 EUR", "up to 20 EUR", "10 - 20 - 30 EUR",
     "was 20 now 10", "10 EUR - ", "- 10 EUR", "from", "10 EUR, 20 EUR", {"max": 20}, {"min": 30, "max": 20}],
)  # fmt: skip
def test_what_may_be_something_else_is_refused(written: object) -> None:
    """Cents behind a hyphen, a price that fell, an upper end alone, two currencies."""
    prices = read_prices({"price": written})
    assert (prices.price, len(prices.reasons)) == (None, 1)


def test_a_sale_may_have_a_range() -> None:
    """And is one where its lowest price is below the lowest list price."""
    prices = read_prices({"price": "20 - 40 EUR", "sale_price": "15 - 30 EUR"})
    assert (prices.price, prices.sale_price, len(prices.notes)) == (20, 15, 2)
    assert read_prices({"price": "20 - 40 EUR", "sale_price": "20 - 30 EUR"}).sale_price is None


def test_a_price_with_a_dash_for_no_cents_is_no_range() -> None:
    """ "49.–" and "49,-" are whole amounts, of which nothing is told."""
    for written in ("49.– CHF", "49,- EUR", "CHF 49.–"):
        assert (read_prices({"price": written}).price, read_prices({"price": written}).notes) == (49, ())
