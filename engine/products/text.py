"""Text as shops write it → text to keep.

Kept text is Unicode NFC, with HTML's entities decoded once, without elements, control and invisible characters.
"""

from __future__ import annotations

import html
import re

from engine.unicode_forms import nfc

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNSEEN = "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
_CONTROL = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_DROPPED = re.compile(f"[{_UNSEEN}{_CONTROL}]")
_AROUND = re.compile(rf"\A[\s{_UNSEEN}{_CONTROL}]+|[\s{_UNSEEN}{_CONTROL}]+\Z")
_NEW_LINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INLINE = "a|abbr|b|big|em|font|i|img|ins|s|small|span|strike|strong|sub|sup|u|wbr"
_BLOCK = (
    "article|aside|blockquote|body|br|button|center|dd|del|div|dl|dt|figcaption|figure|footer|form|h[1-6]|head|header"
    "|hr|html|iframe|input|label|li|link|main|meta|nav|ol|p|pre|section|source|table|tbody|td|tfoot|th|thead|title|tr|tt|ul"
    "|video"
)
_MARKUP = re.compile(
    rf"<!--|<!doctype\b[^<>]*>|<(?P<close>/?)(?P<hidden>script|style)\b[^<>]*>"
    rf"|</?(?:(?P<inline>{_INLINE})|(?:{_BLOCK}))(?=[\s/>])[^<>]*>",
    re.IGNORECASE,
)


def plain(text: str, *, markup: bool = False) -> str:
    """One line of text, as it is kept: entities decoded once, NFC, white space collapsed.

    Args:
        markup: the text may be HTML, as titles are; its elements are left out.
    """
    return " ".join(plain_lines(text, markup=markup).split())


def plain_lines(text: str, *, markup: bool = False) -> str:
    """The same for several lines, whose ends are kept."""
    return _composed(_without_markup(text) if markup else decoded(text)).strip()


def decoded(text: str) -> str:
    """Entities such as `&amp;` and `&#8211;` as the characters that they stand for, once."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def identifier(text: str) -> str:
    """An id as it is kept: NFC, without white space and invisible characters around it; entities are left alone.

    An id that has this form already stays as it is.
    """
    return nfc(_AROUND.sub("", text))


def address(text: str) -> str:
    """An address or path as it is kept: entities decoded once, nothing invisible around it, else as it is."""
    return _AROUND.sub("", decoded(text))


def _without_markup(text: str) -> str:
    """HTML, or HTML whose marks are written as entities, as text; what only looks like one ("< M") stays."""
    return _stripped(decoded(_stripped(text)))


def _composed(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return nfc(_DROPPED.sub("", _NEW_LINES.sub("\n", text)))


def _stripped(text: str) -> str:
    """Without elements and comments, and without what scripts and styles hold; in one pass, whatever the text."""
    if "<" not in text:
        return text
    kept, at = [], 0
    while mark := _MARKUP.search(text, at):
        kept.append(text[at : mark.start()])
        kept.append("" if mark["inline"] else " ")
        at = _behind(text, mark)
    return "".join([*kept, text[at:]]) if kept else text


def _behind(text: str, mark: re.Match[str]) -> int:
    """Where the text goes on behind a mark: behind a comment's or a script's end too, if it has one."""
    if mark[0] == "<!--":
        at = text.find("-->", mark.end())
        return len(text) if at < 0 else at + 3
    if mark["hidden"] and not mark["close"]:
        end = re.compile(rf"</{mark['hidden']}\b[^<>]*>", re.IGNORECASE).search(text, mark.end())
        return len(text) if end is None else end.end()
    return mark.end()
