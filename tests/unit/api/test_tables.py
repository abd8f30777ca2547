"""An answer for people at a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from api.tables import show_answer
from engine.forms.answers import AnswerForm, GarmentHitsForm, HitForm, SignalForm
from engine.system.console import words


def test_tables_say_what_was_found() -> None:
    """A table for each garment; prices with currency; a garment without hits says so; time by stage."""
    hit = HitForm(
        "p1",
        "Linen [bold]dress",
        "https://a.example/p1",
        "k",
        49.9,
        "EUR",
        "Acme",
        "full_body",
        0.87,
        SignalForm(),
        ["Alike."],
    )
    dress = GarmentHitsForm("dress", "full_body", 0.91, (0, 0, 1, 1), [], [hit], ["lower_wear"])
    shoes = GarmentHitsForm("foot_wear", "foot_wear", 0.5, (0, 0, 1, 1), [], [])
    out = io.StringIO()
    show_answer(AnswerForm([dress, shoes], {"decode": 1.2, "total": 63.4}), Console(file=out, width=160))
    text = out.getvalue()
    for said in (
        "dress (seen with 91%, or lower wear)",
        "Linen [bold]dress",
        "49.90 EUR",
        "0.87",
        "Alike.",
        "foot_wear",
        "Nothing matches.",
    ):
        assert said in text
    assert "milliseconds: decode 1, total 63" in text


def test_a_feed_cannot_steer_the_terminal() -> None:
    """Escape sequences in a title lose their power; other scripts stay readable."""
    assert words("red\x1b[2J\x07\r\ndress").plain == "red [2J   dress"
    assert words("Kleid für Łucja 服").plain == "Kleid für Łucja 服"
