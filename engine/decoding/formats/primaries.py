"""Colour spaces that files name without an ICC profile, as ICC profiles: code points (ITU-T H.273), or primaries."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_Vector = Sequence[float]
_Matrix = Sequence[_Vector]
_D65 = (0.3127, 0.3290)
_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
_BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SPACES = {9: _BT2020, 12: _P3}
_SDR = {1, 4, 6, 13, 14, 15}
"""Transfer characteristics whose curve is near enough to sRGB's."""
_CURVE_OF_SRGB = b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, 157286, 62119, 3417, 5072, 2651)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_D50 = (0.9642, 1.0, 0.8249)


def profile_of_codes(primaries: int, transfer: int) -> bytes | None:
    """The profile of a colour space by its code points; None for sRGB, and for what is no such space."""
    space = _SPACES.get(primaries)
    return profile_of(_D65, space, None) if space and transfer in _SDR else None


def profile_of_png(chromaticities: bytes | None, gamma: bytes | None) -> bytes | None:
    """The profile of a PNG's cHRM and gAMA; None where they say sRGB, or nothing that could be."""
    values = [value / 100_000 for value in struct.unpack(">8I", chromaticities)] if chromaticities else [*_D65, *_SRGB]
    exponent = int.from_bytes(gamma, "big") / 100_000 if gamma else 1 / 2.2
    if not 0.1 <= exponent <= 2 or not all(0.001 <= value <= 1 for value in values):
        return None
    near_srgb = all(abs(a - b) < 0.01 for a, b in zip(values, (*_D65, *_SRGB), strict=True))
    usual = abs(exponent - 1 / 2.2) < 0.05
    if near_srgb and usual:
        return None
    return profile_of(values[:2], values[2:], None if usual else 1 / exponent)


def profile_of(white: _Vector, primaries: _Vector, gamma: float | None) -> bytes | None:
    """An ICC profile of these primaries and white (CIE xy) and this gamma, or sRGB's curve; None where none can be."""
    columns = [_xyz(primaries[i], primaries[i + 1]) for i in (0, 2, 4)]
    rows = tuple(zip(*columns, strict=True))
    inverse = _inverse(rows)
    if inverse is None:
        return None
    light = _xyz(*white)
    shares = _times(inverse, light)
    adapted = [
        _adapted([value * share for value in column], light) for column, share in zip(columns, shares, strict=True)
    ]
    curve = _CURVE_OF_SRGB if gamma is None else b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)
    return _file(
        {
            b"desc": b"desc" + bytes(4) + struct.pack(">I", 6) + b"named\0" + bytes(79),
            b"wtpt": _tag(_D50),
            **{name: _tag(value) for name, value in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted, strict=True)},
            **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        }
    )


def _file(tags: dict[bytes, bytes]) -> bytes:
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\0") + table + data


def _tag(values: _Vector) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: _Vector) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _xyz(x: float, y: float) -> list[float]:
    return [x / y, 1.0, (1 - x - y) / y]


def _adapted(color: _Vector, white: _Vector) -> list[float]:
    """A colour under this white as it is seen under the D50 of ICC profiles."""
    ours, theirs = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    scaled = [c * b / a for c, a, b in zip(_times(_BRADFORD, color), ours, theirs, strict=True)]
    return _times(_inverse(_BRADFORD) or _BRADFORD, scaled)


def _times(matrix: _Matrix, vector: _Vector) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _inverse(matrix: _Matrix) -> _Matrix | None:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    size = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(size) < 1e-9:
        return None
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(value / size for value in row) for row in rows)
