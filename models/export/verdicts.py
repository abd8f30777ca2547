"""What became of each model of a profile that was quantised, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich.table import Table

from models.export.agreement import Agreement, EmbedderAgreement, SegmenterAgreement


class Quantized(msgspec.Struct, frozen=True):
    """What became of one model.

    Attributes:
        precision: `int8`, or `float` where it stayed as it was.
        agreement: with the float model, of the int8 one, even of one that was refused; None where none was made.
        size_bytes: of the file in the new profile.
    """

    role: str
    precision: str
    reason: str
    size_bytes: int
    float_bytes: int
    agreement: Agreement | None = None


def quantized_table(verdicts: Iterable[Quantized]) -> Table:
    """The verdicts for people to read."""
    table = Table("model", "now", "MB", "before", "agreement with float, on pictures held out", "why")
    for verdict in verdicts:
        sizes = (f"{size / 1e6:.1f}" for size in (verdict.size_bytes, verdict.float_bytes))
        table.add_row(verdict.role, verdict.precision, *sizes, agreement_words(verdict.agreement), verdict.reason)
    return table


def agreement_words(agreement: Agreement | None) -> str:
    """An agreement in words; empty where there is none."""
    match agreement:
        case EmbedderAgreement(crops, mean, worst, neighbours):
            return f"{crops} crops: cosine {mean:.4f}, worst {worst:.4f}; {neighbours:.0%} of neighbours the same"
        case SegmenterAgreement(pictures, garments, found, overlap):
            return f"{pictures} pictures: {found:.0%} of {garments} garments in both, masks overlap by {overlap:.3f}"
        case _:
            return ""
