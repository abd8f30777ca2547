"""Who owns a pixel, and what is painted before what."""

from __future__ import annotations

SKIN, HAIR, EXTRA = 30, 31, 32
"""Owners of a person beside its garments (1, 2, …). EXTRA (a bag) is not the person's."""
STRIDE = 40
"""Owners of the next person in a picture start this much higher."""

LINING = 10.0
BACK_HAIR = 12.0
FAR_ARM = 16.0
BODY = 20.0
LEGS = 22.0
SHOES = 26.0
TUCKED = 29.0
LOWER = 30.0
BOOTS = 34.0
UPPER = 40.0
DRESS = 42.0
OUTER = 50.0
NEAR_ARM = 60.0
HEAD = 70.0
TOP_HAIR = 75.0
