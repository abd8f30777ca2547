"""Which generations there are and which one serves: one document among the ledger's settings.

The document is read and written as one row, so that all collections change together. A catalogue whose models were
never changed has none: its collections are generation 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from engine.errors import ContractBroken, Unavailable
from engine.generations.names import FIRST

SETTING = "generations"
State = Literal["building", "checked", "kept", "leaving"]
"""`building`: rows are being written; `checked`: it may serve; `kept`: it serves, or did and can again; `leaving`: it
is being dropped."""


class GenerationChanged(Unavailable):
    """Other models serve than those that this work was begun with; begun anew it uses the new ones."""

    def __init__(self, message: str = "The catalogue has just changed to other models; try again.") -> None:
        super().__init__(message)


class Generation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One set of collections.

    Attributes:
        profile: of the models that made it; models: their fingerprint.
        index: an index type other than the planned one.
        begun: when it was asked for, in ISO 8601; served: whether it ever answered.
        notes: what its check found, in words.
    """

    number: int
    profile: str
    models: str = ""
    state: State = "building"
    index: str | None = None
    begun: str = ""
    served: bool = False
    notes: tuple[str, ...] = ()


class Generations(msgspec.Struct, frozen=True, omit_defaults=True):
    """All generations of a catalogue.

    Attributes:
        serving: the number of the one that answers.
        latest: the highest number ever given; none is given twice.
        content: names the models in content hashes since before the first change, so that a change of models alone
            makes no feed be looked at anew.
        former: profiles that generations were made with, dropped ones included.
    """

    serving: int = FIRST
    latest: int = FIRST
    content: str = ""
    known: tuple[Generation, ...] = ()
    former: tuple[str, ...] = ()

    def get(self, number: int) -> Generation | None:
        """A generation by number."""
        return next((each for each in self.known if each.number == number), None)

    def require(self, number: int) -> Generation:
        """A generation that there must be.

        Raises:
            ContractBroken: there is none.
        """
        if (found := self.get(number)) is None:
            raise ContractBroken(f"There is no generation {number} of this catalogue's collections.")
        return found

    @property
    def next(self) -> Generation | None:
        """The one that is being made, if there is one."""
        return next((each for each in self.known if each.state in ("building", "checked")), None)

    @property
    def kept(self) -> Generation | None:
        """The newest one that served before and can serve again."""
        others = [each for each in self.known if each.state == "kept" and each.number != self.serving]
        return max(others, key=lambda each: each.number, default=None)

    @property
    def leaving(self) -> tuple[Generation, ...]:
        """Those that are being dropped."""
        return tuple(each for each in self.known if each.state == "leaving")

    def profile(self, wanted: str) -> str:
        """The profile to serve with: the serving generation's, where the settings name one that it took over from."""
        serving = self.get(self.serving)
        return serving.profile if serving is not None and wanted in (*self.former, serving.profile) else wanted

    def content_name(self, models: str) -> str:
        """What stands for these models in content hashes."""
        serving = self.get(self.serving)
        if serving is None or not self.content:
            return models
        return self.content if models == serving.models else _digest(self.content, models)

    def having(self, generation: Generation) -> Generations:
        """With one more, or with one as it is now."""
        others = [each for each in self.known if each.number != generation.number]
        known = tuple(sorted((*others, generation), key=lambda each: each.number))
        former = tuple(dict.fromkeys((*self.former, *(each.profile for each in known))))
        return msgspec.structs.replace(
            self, known=known, former=former, latest=max(self.latest, *(each.number for each in known))
        )

    def without(self, number: int) -> Generations:
        """Without one that was dropped."""
        return msgspec.structs.replace(self, known=tuple(each for each in self.known if each.number != number))

    def changed_to(self, number: int) -> Generations:
        """With another one serving."""
        now = msgspec.structs.replace(self.require(number), state="kept", served=True)
        return msgspec.structs.replace(self.having(now), serving=number)


class Settings(Protocol):
    """What the document lies in; a `Ledger` is one."""

    def get_setting(self, name: str) -> str | None:
        """A fact about the whole catalogue."""
        ...


def read_generations(ledger: Settings) -> Generations:
    """The document; where there is none yet, that of a catalogue whose collections are generation 1."""
    return parsed(ledger.get_setting(SETTING))


def parsed(text: str | None) -> Generations:
    """A document from its text.

    Raises:
        ContractBroken: a later thatlook wrote it.
    """
    try:
        return msgspec.json.decode(text, type=Generations) if text else Generations()
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"The list of generations cannot be read ({error}); a later thatlook wrote it.") from error


def written(generations: Generations) -> str:
    """A document as text."""
    return msgspec.json.encode(generations).decode()


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def numbers(generations: Generations) -> Sequence[int]:
    """The numbers of all that have collections."""
    return sorted({generations.serving, *(each.number for each in generations.known)})
