"""Prices as shops write them, and what is none."""

from __future__ import annotations

import pytest

from engine.products.money import parse_money

PRICES = """
    49.90 USD: $49.90 USD | USD $49.90 | US$49.90 | US$ 49,90 | 49.90USD | USD49.90 | $ 49.90 | $49.90 | 49,90 $US
    49.90 BRL: R$ 49,90 | R$49,90 | BRL 49,90 | 49.90 BRL
    49.90 AUD: A$49.90 | AU$ 49.90 | $49.90 AUD | AUD49.90 | $AU 49.90
    49.90 CAD: CA$49.90 | C$49.90 | 49,90 $ CA | $49.90 CAD
    49.90 EUR: 49,90 € | €49.90 | EUR 49.90 | 49.90\u00a0EUR | 49.9 eur | €49.90 EUR | 49,90€* | 49,90 Euro | 049.90 EUR
    49.90 EUR: 49,90 € TTC | 49,90 EUR inkl. MwSt. | 49.90 EUR (incl. VAT) | EUR 49.90 tax included
    49.90 EUR: 49€90 | 49 € 90 | 49,90€ IVA incluido | 49,90 € TVA comprise
    1299 -: 1.299,- | 1'299.– | 1,299 | 1 299,--
    1299 EUR: 1.299,00 € | 1.299 € | 1 299,00 € | 1\u202f299\u00a0€ | 1,299.00 EUR | 1.299 EUR | € 1.299,-
    129900 INR: 1,29,900 INR | ₹1,29,900.00 | Rs. 1,29,900/- | Rs 129900 | INR 1,29,900
    4980 JPY: JP¥4980 | ¥4,980 | ￥4,980 | 4980円 | 4.980 JPY | JPY 4980 | 4,980 ¥
    49 CHF: CHF 49.– | CHF 49.- | 49,-- CHF | Fr. 49.— | 49 SFr. | CHF 49.00
    1299.50 CHF: 1'299.50 CHF | CHF 1’299.50 | 1 299.50 CHF
    1299.50 PLN: 1 299,50 zł | 1299,50zł | PLN 1.299,50 | 1 299,50 zl
    499 -: kr 499 | 499 kr | 499,00 kr. | 499,- kr
    499 SEK: 499 kr SEK | 499 SEK
    49.90 SAR: ٤٩٫٩٠ ر.س | ۴۹٫۹۰ SAR
    49.90 GBP: £49·90 | £49.90 | 49.90 GBP | £49.90 GBP | GBP49.90
    1299900 VND: 1.299.900 ₫ | 1.299.900 VND | 1,299,900đ
    49990 CLP: $49.990 CLP | CLP 49.990
    1.5 KWD: 1.500 KWD | KWD 1.5
    0.99 EUR: 0,99 € | .99 EUR | €0.99
    12000 KRW: ₩12,000 | 12000원 | KRW 12,000
    1299.90 TRY: 1.299,90 TL | ₺1.299,90 | 1.299,90₺
    49.90 EUR: 49.90;EUR | 49.90|EUR | "49.90 EUR" | 49.90 [EUR] | '49.90 EUR | ４９．９０ EUR | €４９，９０
    49.90 USD: 49.90 US Dollars | US Dollar 49.90
    499 -: 499:- | 499:- kr
    49.900 TND: 49,900 DT | TND 49.900 | 49,900 TND | 49,9 DT
    12.5 KWD: KD 12.500 | 12.500 KD | 12.500 د.ك
    12.5 BAM: 12,50 KM
    1299 RSD: 1.299 дин. | 1.299,00 RSD
    1290 THB: 1,290 บาท | ฿1,290
    199 ILS: 199 ש"ח | ₪199 | 199 NIS
    199 GHS: GH₵ 199 | ₵199
    199 MAD: 199 DH | 199,00 DH
    12000 RUB: 12 000 р. | 12 000 ₽ | 12000 руб. | 12 000 RUB
"""
"""An amount and its currency, and how they are written."""


def rows() -> list[tuple[str, float, str | None]]:
    found = []
    for line in PRICES.strip().splitlines():
        meant, written = line.split(": ")
        amount, code = meant.split()
        found += [(text.strip(" "), float(amount), None if code == "-" else code) for text in written.split(" | ")]
    return found


@pytest.mark.parametrize(("written", "amount", "currency"), rows())
def test_prices_of_the_world(written: str, amount: float, currency: str | None) -> None:
    """Signs and codes on either side, thousands as the currency's users group them."""
    assert parse_money(written) == (amount, currency)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"amountMicros": "49900000", "currencyCode": "USD"}, (49.9, "USD")),
        ({"amount_micros": 49_900_000, "currency_code": "usd"}, (49.9, "USD")),
        ({"value": "49.90", "currency": "USD"}, (49.9, "USD")),
        ({"amount": "$49.90", "currencyCode": "AUD"}, (49.9, "AUD")),
        ({"price": 49.9, "priceCurrency": "EUR"}, (49.9, "EUR")),
        ({"value": 49.9}, (49.9, None)),
        ({"units": "49", "nanos": 900_000_000, "currencyCode": "EUR"}, (49.9, "EUR")),
        ({"centAmount": 4990, "currencyCode": "EUR", "fractionDigits": 2}, (49.9, "EUR")),
    ],
)
def test_prices_of_apis(value: object, meant: tuple[float, str | None]) -> None:
    """Google's Merchant and Content APIs, Shopify's, schema.org's."""
    assert parse_money(value) == meant


@pytest.mark.parametrize(
    "written",
    ["free", "gratis", "on request", "10-20 EUR", "10 – 20 €", "from 10 EUR", "ab 10 €", "49,90 € / Stück", "49.90 FOO",
     "−5 €", "$-5", "49.90-", "49.90 EUR excl. VAT", "(5) EUR",
     "49⁹⁰ €", "49½ €", {"centAmount": 4990.5}, {"units": "x"},
     "49.90 EUR USD", "$49.90 EUR", "A$ 49.90 USD", "1e5", "∞", "10 EUR 5", "12 34 EUR",
     "1'23 CHF",  "1,23,45", "1.2345.678", "10%", "49.90.10", "<b>", "1" * 65, 10**400, {}, {"value": None}, [],
     {"amountMicros": "1.5"}, {"amountMicros": True}, {"value": "5 EUR", "currency": "USD"}, {"value": {"value": 1}}],
)  # fmt: skip
def test_what_is_no_price(written: object) -> None:
    """It is refused with words that say how to write it, and nothing else is raised."""
    with pytest.raises(ValueError, match=r"price|currenc|value|whole number"):
        parse_money(written)
