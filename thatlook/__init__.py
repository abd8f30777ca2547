"""Upload a photo of a look; get the products that make it.

    with thatlook.open("http://127.0.0.1:8080") as shop:
        answer = shop.search_image("look.jpg", text="in navy", k=5)
        for garment in answer.garments:
            print(garment.supercategory, [hit.title for hit in garment.hits])

`open` takes the address of a server, or the folder of an embedded catalogue, and gives the same searches over either.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, overload

from thatlook.missing import require_own_packages

if TYPE_CHECKING:
    from thatlook.names import *
    from thatlook.names import Client, Embedded

__all__ = [
    "Answer",
    "AsyncClient",
    "BatchAnswer",
    "Client",
    "ContractBroken",
    "DeadlineExceeded",
    "Embedded",
    "Facets",
    "FeedUnreadable",
    "FilterRejected",
    "GarmentHits",
    "Hit",
    "HomeInUse",
    "ImageTooLarge",
    "ImageUnreadable",
    "IngestError",
    "IngestJob",
    "IngestRun",
    "IngestStatus",
    "InputRejected",
    "ModelUnavailable",
    "NoGarmentFound",
    "NotFound",
    "ObjectNotFound",
    "ProductAnalysis",
    "ProductNotFound",
    "ProductPage",
    "ProductPicture",
    "ProductState",
    "QueryRejected",
    "Receipt",
    "Signals",
    "StoreUnavailable",
    "TextRejected",
    "ThatLookError",
    "Unavailable",
    "Variant",
    "open",
]


@overload
def open(place: str, **settings: Any) -> Client | Embedded: ...  # noqa: A001
@overload
def open(place: PathLike[str], **settings: Any) -> Embedded: ...  # noqa: A001
def open(place: str | PathLike[str], **settings: Any) -> Client | Embedded:  # noqa: A001  # As `shelve.open` and others.
    """A catalogue to search, to be closed in the end: use it in a `with` statement.

    Args:
        place: a server's address, such as `http://127.0.0.1:8080`; anything else is the folder of an embedded
            catalogue, as `THATLOOK_HOME` names it.
        settings: of the client (see `Client`), or of the embedded engine, as in `THATLOOK_…`: `profile="starter"`.
    Raises:
        HomeInUse: another process works on this folder; ask that server by its address.
        ModelUnavailable, StoreUnavailable: a part of the embedded engine is missing or damaged.
        QueryRejected: a setting that cannot be understood.
    """
    if isinstance(place, str) and place.lower().startswith(("http://", "https://")):
        client: type[Client] = __getattr__("Client")
        return client(place, **settings)
    embedded: type[Embedded] = __getattr__("Embedded")
    return embedded(place, **settings)


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for: the console program puts its own packages first before.

    Raises:
        ImportError: a folder `engine` of somebody else's stands in the way of ours; the message names it.
    """
    if name not in __all__:
        raise AttributeError(f"module 'thatlook' has no attribute {name!r}")
    require_own_packages(("engine",))
    from thatlook import names

    globals()[name] = getattr(names, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
