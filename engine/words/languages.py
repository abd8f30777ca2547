"""Words of other languages → English ones, by data: colours, garments and what is said of them.

`languages/*.toml` hold the words. A text is taken for another language where more of its words are that language's
than English alone knows; else only words that mean nothing in English are read as foreign.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Role = Literal["color", "look", "thing", "little"]
_LINKS = ("", "s", "n", "en", "es")
_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Meaning:
    """The English words for a form, none where it says nothing, and what part they play."""

    words: tuple[str, ...]
    role: Role


@dataclass(frozen=True, slots=True)
class Language:
    """One language's forms; `first` are beginnings of compounds, `heads` what these may end with, longest first.

    Attributes:
        absent: a word for something that is not there; its first group is the something.
    """

    name: str
    forms: Mapping[str, Meaning]
    adjectives_follow: bool
    first: Mapping[str, tuple[str, ...]]
    heads: tuple[str, ...]
    absent: re.Pattern[str] | None

    def meaning(self, word: str) -> Meaning | None:
        """What a word means, a compound what its parts do; accents may be missing."""
        return self.forms.get(word) or self.forms.get(unaccented(word)) or self._absence(word) or self._compound(word)

    def _absence(self, word: str) -> Meaning | None:
        """ "streifenfreies" is without stripes."""
        found = self.absent.fullmatch(word) if self.absent else None
        thing = self.forms.get(found[1]) if found else None
        return Meaning(("without", *thing.words, ";"), "look") if thing and thing.role == "thing" else None

    def _compound(self, word: str) -> Meaning | None:
        for head in self.heads:
            before = word.removesuffix(head)
            if before == word or len(before) < 3:
                continue
            for link in _LINKS:
                if first := self.first.get(before.removesuffix(link)):
                    return Meaning((*first, *self.forms[head].words), self.forms[head].role)
            if len(head) >= 5:
                return self.forms[head]
        return None


@dataclass(frozen=True, slots=True)
class Translated:
    """English words, and the language that they came from."""

    words: list[str]
    language: str


def translated(words: Sequence[str], is_english: Callable[[str], bool]) -> Translated | None:
    """The words in English; None where they are all English, or of no language known here."""
    unknown = [word for word in words if word.isalpha() and not is_english(word)]
    if not unknown:
        return None
    best: tuple[int, Language] | None = None
    for language in languages():
        telling = sum(1 + (found.role != "little") for word in unknown if (found := language.meaning(word)))
        if telling == 1 and not all(language.meaning(word) for word in words if word.isalpha()):
            continue  # One little word, beside English ones, makes no other language.
        if telling > (best[0] if best else 0):
            best = telling, language
    if best is None:
        return None
    language = best[1]
    foreign = sum(language.meaning(word) is not None for word in unknown)
    english = sum(word.isalpha() and is_english(word) and not language.meaning(word) for word in words)
    whole = foreign >= english
    return Translated(_in_english(words, language, lambda word: whole or not is_english(word)), language.name)


def _in_english(words: Sequence[str], language: Language, foreign: Callable[[str], bool]) -> list[str]:
    read = [*_meanings(words, language, foreign)]
    return [
        word for meaning in (_adjectives_first(read) if language.adjectives_follow else read) for word in meaning.words
    ]


def _meanings(words: Sequence[str], language: Language, foreign: Callable[[str], bool]) -> Iterator[Meaning]:
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            phrase = words[at : at + length]
            if any(map(foreign, phrase)):
                found = language.forms.get(" ".join(phrase)) if length > 1 else language.meaning(phrase[0])
                if found:
                    yield found
                    break
        else:
            length = 1
            yield Meaning((words[at],), "little")
        at += length


def _adjectives_first(read: Sequence[Meaning]) -> list[Meaning]:
    """A thing behind the colours and looks that follow it: "dress black" is "black dress"."""
    ordered: list[Meaning] = []
    at = 0
    while at < len(read):
        end = at + 1
        if read[at].role == "thing":
            while end < len(read) and (read[end].role in ("color", "look") or _joins(read, end)):
                end += 1
        ordered += [*read[at + 1 : end], read[at]]
        at = end
    return ordered


def _joins(read: Sequence[Meaning], at: int) -> bool:
    """Whether there "and" or "or" stands between two looks, or "of" before a thing that belongs to another."""
    following = read[at + 1].role if at + 1 < len(read) else None
    if read[at].words in (("and",), ("or",)):
        return following in ("color", "look")
    return (read[at].role == "little" and not read[at].words and following == "thing") or (
        read[at].role == "thing" and read[at - 1].role == "little" and not read[at - 1].words
    )


def unaccented(text: str) -> str:
    """Without accents: "foncé" → "fonce"."""
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


@cache
def languages() -> tuple[Language, ...]:
    """Those that there is data for."""
    found = sorted(files("engine.words").joinpath("languages").iterdir(), key=lambda file: file.name)
    return tuple(_language(tomllib.loads(file.read_text("utf-8"))) for file in found if file.name.endswith(".toml"))


def _language(data: Mapping[str, Any]) -> Language:
    forms: dict[str, Meaning] = {}
    endings = ("", *data["endings"])
    roles: dict[str, Role] = {"words": "thing", "adjectives": "look", "colors": "color", "little": "little"}
    for table in ("little", "words", "adjectives", "colors"):
        for english, text in data[table].items():
            meaning = Meaning(_english_words(table, english), roles[table])
            for form in text.split():
                for ending in endings if table in ("adjectives", "colors") else ("",):
                    _enter(forms, form + ending, meaning)
    _enter_shades(forms, data, endings)
    first = {
        part: _english_words("first", english)
        for english, text in data.get("first", {}).items()
        for part in text.split()
    }
    heads = tuple(
        sorted(
            (f for f, m in forms.items() if m.role == "thing" and len(f) >= 4 and " " not in f), key=len, reverse=True
        )
    )
    absent = re.compile(f"(.+)(?:{'|'.join(data['absences'])})(?:{'|'.join(endings)})") if "absences" in data else None
    return Language(data["name"], forms, data["adjectives_follow"], first, heads if first else (), absent)


def _enter_shades(forms: dict[str, Meaning], data: Mapping[str, Any], endings: Sequence[str]) -> None:
    """ "bleu clair" and "hellblau" are light blue."""
    for english, text in data["colors"].items():
        for form in text.split():
            for ending in endings:
                for shade, word in (("light", "hell"), ("dark", "dunkel")):
                    meaning = Meaning((shade, *english.split()), "color")
                    if "first" in data:
                        forms.setdefault(word + form + ending, meaning)
                        _enter(forms, f"{form}farben{ending}", Meaning(tuple(english.split()), "color"))
                    for behind in data.get(shade, "").split():
                        _enter(forms, f"{form}{ending} {behind}", meaning)


def _enter(forms: dict[str, Meaning], form: str, meaning: Meaning) -> None:
    """Under the form as written, and as it is typed without the language's own letters."""
    form = form.casefold().replace("t-shirt", "tshirt").replace("-", " ")
    typed = form.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    for each in dict.fromkeys((form, unaccented(form), typed)):
        forms.setdefault(each, meaning)


def _english_words(table: str, english: str) -> tuple[str, ...]:
    if table == "little" and english in ("a", "the", "of", "same", "please", "wanted"):
        return ()
    return tuple(english.replace("t-shirt", "tshirt").replace("-", " ").split())
