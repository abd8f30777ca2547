"""Everything that can go wrong, branched by who must act.

    ThatLookError
    ├ InputRejected        the caller must change the input
    │ ├ ImageUnreadable    not an image, truncated, or of a kind we do not read
    │ ├ ImageTooLarge      over the byte or pixel cap
    │ ├ NoGarmentFound     nothing to search with
    │ ├ TextRejected       empty or too long
    │ ├ FilterRejected     unknown filter, or a value it cannot take
    │ ├ QueryRejected      parameters that do not fit together
    │ └ FeedUnreadable     the feed as a whole cannot be read
    ├ NotFound             the caller asked for something that is not there
    │ ├ ProductNotFound
    │ └ ObjectNotFound
    ├ Unavailable          try again later, or bring something up first
    │ ├ StoreUnavailable
    │ │ └ HomeDamaged      what is kept is not what was written; `thatlook doctor` says what, `--repair` mends it
    │ ├ ModelUnavailable
    │ ├ HomeInUse          another process holds this home
    │ └ DeadlineExceeded   the answer would have come too late
    └ ContractBroken       the operator or we must act
      ├ DimensionMismatch
      └ ModelMismatch      embeddings of one model asked of another

Adapters translate their library's exceptions into these at the border; nothing else crosses it.
"""

from __future__ import annotations


class ThatLookError(Exception):
    """The root. `str(error)` is one sentence for a person that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """A stable name for programs, such as `image-too-large`."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class InputRejected(ThatLookError):
    """The caller must change the input."""


class ImageUnreadable(InputRejected):
    """Not an image, truncated, or of a kind that is not read."""


class ImageTooLarge(InputRejected):
    """Over the byte or pixel cap."""


class NoGarmentFound(InputRejected):
    """The photo shows nothing to search with."""


class TextRejected(InputRejected):
    """A query text that is empty or too long."""


class FilterRejected(InputRejected):
    """An unknown filter, or a value that the filter cannot take."""


class QueryRejected(InputRejected):
    """Query parameters that do not fit together."""


class FeedUnreadable(InputRejected):
    """The feed as a whole cannot be read."""


class NotFound(ThatLookError):
    """The caller asked for something that is not there."""


class ProductNotFound(NotFound):
    """No such product in the catalogue."""


class ObjectNotFound(NotFound):
    """No such stored image."""


class Unavailable(ThatLookError):
    """Try again later, or bring something up first."""


class StoreUnavailable(Unavailable):
    """A store did not answer."""


class HomeDamaged(StoreUnavailable):
    """What is kept is not what was written, or does not belong together; answers would be wrong."""


class ModelUnavailable(Unavailable):
    """A model file is missing or could not be loaded."""


class HomeInUse(Unavailable):
    """Another process holds this home."""


class DeadlineExceeded(Unavailable):
    """The answer would have come too late to be of use."""


class ContractBroken(ThatLookError):
    """Two parts that do not belong together, or a defect of ours."""


class DimensionMismatch(ContractBroken):
    """An embedding of another size than the collection's."""


class ModelMismatch(ContractBroken):
    """A collection made by another model than the one that asks."""
