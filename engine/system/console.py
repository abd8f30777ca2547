"""The one console for people. Plain text in it is never markup, however it looks: colours are `rich.text.Text`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from engine.system.printing import printable


class PlainConsole(Console):
    """Shows every `str` as it is written (`[/red]`, `:smile:`), without what could steer the terminal.

    A reader that goes away (`| head`) ends the printing, not the work.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """A text without markup, emoji codes and control characters; line ends stay."""
        return super().render_str(
            printable(text, keep="\n"), **{**options, "markup": False, "emoji": False, "highlight": False}
        )

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True


def plain_console(*, width: int | None = None) -> PlainConsole:
    """The console on stderr; `width` in characters, the terminal's where none is given."""
    return PlainConsole(stderr=True, width=width, markup=False, emoji=False, highlight=False)


def wide_console(width: int) -> PlainConsole:
    """The console; at least so wide where nobody's terminal is attached (a CI log)."""
    plain = plain_console()
    return plain if plain.is_terminal else plain_console(width=width)


def words(text: str, style: str = "") -> Text:
    """Strangers' words in a style, for places that take no `str`."""
    return Text(printable(text), style=style)
