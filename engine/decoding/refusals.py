"""Whatever decoding raises, as one plain sentence: a damaged picture is the caller's to mend."""

from __future__ import annotations

import re

from engine.errors import ImageTooLarge, ImageUnreadable, InputRejected, ThatLookError

_PATHS = re.compile(r"<[^>]*>|0x[0-9a-f]+|/\S+")
_MOST = 120


def refusal(error: BaseException) -> InputRejected:
    """What the caller is told.

    Raises:
        BaseException: what is no matter of the picture: a stop signal, and errors of ours that are told already.
    """
    if isinstance(error, InputRejected):
        return error
    if isinstance(error, (KeyboardInterrupt, SystemExit, ThatLookError)):
        raise error
    if isinstance(error, MemoryError):
        return ImageTooLarge("The image needs more memory to decode than one picture may have; send it smaller.")
    return ImageUnreadable(f"The image is damaged or cut short ({_reason(error)}); send it again.")


def _reason(error: BaseException) -> str:
    """A library's words where they are words, else their kind."""
    words = " ".join(_PATHS.sub("", str(error)).split())
    if isinstance(error, (OSError, SyntaxError, RuntimeError, EOFError)) and words and words.isprintable():
        return words[:_MOST].rstrip(".")
    return "its data do not hold together"
