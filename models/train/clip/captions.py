"""Captions for garments, worded as people ask, and what each of them demands of a picture.

A caption is made from facts (`colour:navy`, `kind:t-shirt`, `label:upper_wear`, …) and remembers
which. So a batch's truth is known in full: a caption fits every picture that has all its facts,
not only the one it was made for, and is silent on pictures of which nobody can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.train.data.colors import COLOR_NAMES
from models.train.data.crops import CropRecord

COLOR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "black": ("black", "jet black"),
        "white": ("white", "off white", "ivory"),
        "grey": ("grey", "gray"),
        "beige": ("beige", "sand", "nude"),
        "brown": ("brown", "chocolate"),
        "red": ("red", "bright red", "scarlet", "crimson"),
        "burgundy": ("burgundy", "maroon", "wine red", "dark red"),
        "pink": ("pink", "rose"),
        "orange": ("orange", "bright orange"),
        "yellow": ("yellow", "golden"),
        "olive": ("olive", "khaki", "army green"),
        "green": ("green", "emerald", "grass green"),
        "teal": ("teal", "aqua"),
        "light blue": ("light blue", "sky blue"),
        "blue": ("blue", "bright blue", "cobalt"),
        "navy": ("navy", "navy blue", "dark blue"),
        "purple": ("purple", "violet"),
    }
)

COLOR_KIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "black": ("navy", "grey"),
        "white": ("grey", "beige"),
        "grey": ("black", "white"),
        "beige": ("white", "brown"),
        "brown": ("beige", "burgundy"),
        "red": ("burgundy", "orange"),
        "burgundy": ("red", "brown", "purple"),
        "pink": ("red", "purple"),
        "orange": ("red", "yellow", "brown"),
        "yellow": ("orange", "beige"),
        "olive": ("green", "brown"),
        "green": ("olive", "teal"),
        "teal": ("green", "light blue"),
        "light blue": ("blue", "teal"),
        "blue": ("light blue", "navy"),
        "navy": ("blue", "black"),
        "purple": ("pink", "navy"),
    }
)
"""Neighbours of a colour: two people may name the same garment by either, so neither is held against the other."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of garment: the words for it, and the kinds that it might as well be called."""

    words: tuple[str, ...]
    label: str
    maybe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shade:
    """A finer colour word: what it looks like in sRGB, and the colours that such a garment may be called."""

    anchors: tuple[tuple[int, int, int], ...]
    within: tuple[str, ...]


_TEE = ("t-shirt", "tee", "tshirt")
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "t-shirt": Kind((*_TEE, "short sleeve t-shirt"), "upper_wear", ("top", "shirt", "polo", "tank")),
        "longsleeve": Kind(
            ("long sleeve top", "longsleeve", "long sleeved shirt"), "upper_wear", ("top", "sweater", "sweatshirt")
        ),
        "shirt": Kind(("shirt", "button up shirt", "collared shirt"), "upper_wear", ("blouse", "top", "polo")),
        "blouse": Kind(("blouse",), "upper_wear", ("shirt", "top")),
        "polo": Kind(("polo", "polo shirt"), "upper_wear", ("t-shirt", "shirt", "top")),
        "top": Kind(("top",), "upper_wear", ("t-shirt", "blouse", "tank", "shirt", "longsleeve", "sweater")),
        "tank": Kind(("tank top", "tank", "sleeveless top"), "upper_wear", ("top", "t-shirt")),
        "sweater": Kind(
            ("sweater", "pullover", "knit sweater"), "upper_wear", ("cardigan", "sweatshirt", "longsleeve")
        ),
        "sweatshirt": Kind(("sweatshirt",), "upper_wear", ("sweater", "hoodie", "longsleeve", "jacket")),
        "hoodie": Kind(("hoodie", "hooded sweatshirt"), "upper_wear", ("sweatshirt", "sweater", "jacket")),
        "cardigan": Kind(("cardigan",), "upper_wear", ("sweater", "jacket")),
        "bra": Kind(("sports bra", "bra"), "upper_wear", ("tank", "top")),
        "body": Kind(("bodysuit", "baby bodysuit", "body"), "upper_wear", ("t-shirt", "romper", "longsleeve")),
        "pants": Kind(("pants", "trousers"), "lower_wear", ("jeans", "leggings")),
        "jeans": Kind(("jeans", "denim pants"), "lower_wear", ("pants", "leggings")),
        "leggings": Kind(("leggings", "tights"), "lower_wear", ("pants", "jeans")),
        "shorts": Kind(("shorts",), "lower_wear", ("skirt",)),
        "skirt": Kind(("skirt",), "lower_wear", ("dress", "shorts")),
        "dress": Kind(("dress", "gown"), "dress", ("skirt", "romper")),
        "romper": Kind(("romper", "jumpsuit", "playsuit"), "dress", ("dress",)),
        "coat": Kind(("coat", "long coat", "overcoat"), "outerwear", ("jacket", "blazer", "cape")),
        "jacket": Kind(("jacket",), "outerwear", ("coat", "blazer", "hoodie", "sweatshirt")),
        "blazer": Kind(("blazer", "suit jacket"), "outerwear", ("jacket", "coat")),
        "cape": Kind(("cape", "poncho"), "outerwear", ("coat",)),
        "shoes": Kind(
            ("shoes", "pair of shoes"),
            "foot_wear",
            ("sneakers", "boots", "heels", "sandals", "flats", "loafers", "flip-flops", "formal shoes"),
        ),
        "sneakers": Kind(("sneakers", "running shoes"), "foot_wear", ("shoes", "flats")),
        "boots": Kind(("boots", "ankle boots"), "foot_wear", ("shoes", "heels")),
        "heels": Kind(("heels", "high heels", "pumps"), "foot_wear", ("shoes", "sandals", "boots")),
        "sandals": Kind(("sandals",), "foot_wear", ("shoes", "heels", "flats", "flip-flops")),
        "flip-flops": Kind(("flip-flops",), "foot_wear", ("sandals",)),
        "flats": Kind(("flats", "ballet flats"), "foot_wear", ("shoes", "loafers", "sandals")),
        "loafers": Kind(("loafers",), "foot_wear", ("shoes", "flats", "formal shoes")),
        "formal shoes": Kind(("formal shoes",), "foot_wear", ("shoes", "loafers")),
        "bag": Kind(("bag", "handbag"), ""),
        "hat": Kind(("hat", "cap"), ""),
    }
)

LABEL_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "upper_wear": ("top", "upper garment", "tops"),
        "lower_wear": ("bottoms", "bottom"),
        "foot_wear": ("footwear", "shoes"),
        "dress": ("dress", "one piece"),
        "outerwear": ("outerwear", "jacket or coat"),
    }
)

PATTERN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stripes": ("striped", "stripy", "pinstriped"),
        "checks": ("checked", "plaid", "checkered"),
        "dots": ("polka dot", "dotted", "spotted"),
        "floral": ("floral", "flower print", "flowery"),
        "camo": ("camouflage", "camo"),
        "graphic": ("graphic", "graphic print", "printed"),
        "colour-block": ("color block", "two tone"),
    }
)
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in PATTERN_WORDS}, "vertical stripes": "stripes", "striped": "stripes",
        "gingham": "checks", "graphic print": "graphic", "color-blocked": "colour-block",
    }
)  # fmt: skip

SHADES: Mapping[str, Shade] = MappingProxyType(
    {
        "cream": Shade(((243, 234, 210), (238, 226, 198)), ("beige", "white", "yellow")),
        "tan": Shade(((190, 150, 108), (202, 164, 120)), ("brown", "beige", "orange")),
        "camel": Shade(((185, 138, 86), (176, 128, 80)), ("brown", "beige", "orange")),
        "peach": Shade(((246, 196, 168), (240, 176, 150)), ("pink", "orange", "beige")),
        "coral": Shade(((240, 118, 102), (232, 104, 92)), ("pink", "orange", "red")),
        "rust": Shade(((166, 76, 42), (152, 68, 38)), ("orange", "brown", "red")),
        "mustard": Shade(((206, 160, 48), (196, 150, 40)), ("yellow", "orange", "brown", "olive")),
        "pale yellow": Shade(((246, 238, 172), (242, 232, 184)), ("yellow", "beige", "white")),
        "mint": Shade(((176, 222, 198), (190, 226, 206)), ("teal", "green", "light blue", "white", "grey")),
        "turquoise": Shade(((64, 190, 190), (48, 176, 180)), ("teal", "light blue", "blue", "green")),
        "lilac": Shade(((200, 172, 214), (188, 166, 210)), ("purple", "pink", "light blue")),
        "charcoal": Shade(((66, 68, 72), (78, 80, 84)), ("grey", "black", "navy")),
        "silver grey": Shade(((190, 192, 195), (200, 201, 204)), ("grey", "white", "light blue")),
        "royal blue": Shade(((36, 72, 190), (30, 64, 176)), ("blue", "navy", "purple")),
        "pale blue": Shade(((190, 212, 234), (176, 202, 230)), ("light blue", "blue", "white", "grey")),
        "forest green": Shade(((28, 74, 48), (34, 84, 54)), ("green", "olive", "teal", "black")),
        "hot pink": Shade(((232, 52, 130), (224, 64, 140)), ("pink", "red", "purple", "burgundy")),
    }
)
"""Finer words than the colours' names. Crops are dyed in them; of others their colour says whether they may fit."""
SHADE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: (name,) for name in SHADES}
    | {
        "cream": ("cream", "creamy white", "cream colored"),
        "tan": ("tan", "tan brown", "light brown"),
        "peach": ("peach", "peach pink", "light peach"),
        "pale yellow": ("pale yellow", "light yellow", "soft yellow"),
        "mint": ("mint", "mint green", "pale green", "light green"),
        "lilac": ("lilac", "lavender", "light purple", "pale purple"),
        "charcoal": ("charcoal", "charcoal grey", "dark grey"),
        "pale blue": ("pale blue", "baby blue"),
        "forest green": ("forest green", "dark green"),
    }
)

SLEEVES: Mapping[str, str] = MappingProxyType(
    {"t-shirt": "short", "polo": "short", "tank": "no", "bra": "no", "longsleeve": "long", "sweater": "long"}
    | dict.fromkeys(("sweatshirt", "hoodie", "cardigan", "coat", "blazer"), "long")
)
"""Kinds whose name tells how long their sleeves are."""

_SAME_KIND: Mapping[str, str] = MappingProxyType(
    {
        "tee": "t-shirt", "undershirt": "tank", "vest": "tank", "jumper": "sweater", "pullover": "sweater",
        "pullie": "sweater", "pant": "pants", "short": "shorts", "dre": "dress", "legging": "leggings",
        "capri": "leggings", "bodysuit": "body", "pumps": "heels", "wedges": "heels", "clogs": "flats",
        "hoodlie": "hoodie", "shell": "jacket", "jackshirt": "jacket", "suit": "blazer",
    }
)  # fmt: skip
_UNSURE: Mapping[str, tuple[str, ...]] = MappingProxyType({"outwear": ("coat", "jacket", "blazer", "cape")})
"""Data-set words that stand for one of several kinds, nobody knows which."""

_NAMED = (
    "{c} {n}", "a {c} {n}", "{c} {n}", "a photo of a {c} {n}", "{n} in {c}", "i am looking for a {c} {n}",
    "is a {c} {n}", "show me {c} {n}", "{n}, {c}", "the {n} is {c}", "a {c} colored {n}", "{c} {n}", "{c} {n}",
    "the {n} is {c} in color", "a {n} in {c} please",
)  # fmt: skip
_COLOR_ONLY = (
    "{c}", "is {c}", "in {c}", "something {c}", "the same in {c}", "same but {c}", "is {c} instead", "make it {c}",
    "{c} colored", "it is {c}", "in {c} please", "is more {c}", "the same one in {c}", "but in {c}", "has a {c} color",
    "is {c} in color", "is {c} colored", "has more {c}", "it is more {c}", "is a {c} color", "is all {c}",
    "same item in {c}", "same product in {c}", "{c} instead",
)  # fmt: skip
_NOUN_ONLY = ("{n}", "a {n}", "a photo of a {n}", "is a {n}", "show me a {n}", "i want a {n}", "it is a {n}")
_TWO_COLORS = (
    "{c} and {d} {n}", "{c} {n} with {d}", "is {c} and {d}", "{n} in {c} and {d}", "has {c} and {d} colors",
)  # fmt: skip
_PLAIN = ("plain {c} {n}", "solid {c} {n}", "is solid {c}", "a plain {n}", "solid colored {n}", "no print {n}")
_PATTERNED = (
    "{p} {n}", "a {p} {n}", "{c} {p} {n}", "is {p}", "has a {p} pattern", "{n} with a {p} pattern", "{p} {c} {n}",
    "is more {p}", "the same but {p}",
)  # fmt: skip
_SLEEVED = (
    "{c} {n} with {s} sleeves", "is {c} with {s} sleeves", "{n} with {s} sleeves", "has {s} sleeves and is {c}",
    "{s} sleeved {c} {n}", "{s} sleeve {n}", "is {c} and has {s} sleeves",
)  # fmt: skip
_SLEEVELESS = (
    "sleeveless {c} {n}",
    "sleeveless {n}",
    "is {c} and sleeveless",
    "{c} {n} with no sleeves",
    "has no sleeves",
)
_FOR_WHOM = ("{w} {c} {n}", "{c} {n} for {s}")
_MANY = ("multicolored {n}", "patterned {n}", "{n} with a print", "colorful {n}", "is patterned", "{c} patterned {n}")


@dataclass(frozen=True, slots=True)
class Caption:
    """Words, and the facts that a picture must have for them to be true of it."""

    text: str
    demands: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture: what holds, and what may hold."""

    sure: frozenset[str]
    maybe: frozenset[str]


def kind_of(record: CropRecord) -> str | None:
    """The record's kind of garment, or None where its word says too little."""
    word = _SAME_KIND.get(record.category, record.category)
    if word not in KINDS:
        named = [k for k in KINDS if k in record.title.casefold().replace("tee", "t-shirt")]
        word = named[-1] if named else word
    kind = KINDS.get(word)
    return word if kind and kind.label == record.label else None


def facts_of(
    record: CropRecord, colours: Sequence[str] | None = None, *, plain: bool | None = None, shade: str = ""
) -> Facts:
    """Facts of a crop; `colours` and `shade` replace the measured ones, for a recoloured picture."""
    named = tuple(colours) if colours is not None else record.colours
    sure = {f"label:{record.label}"} if record.label else set()
    maybe: set[str] = set()
    kind = kind_of(record)
    if kind:
        sure.add(f"kind:{kind}")
        maybe |= {f"kind:{other}" for other in KINDS[kind].maybe}
        maybe |= {f"kind:{name}" for name, other in KINDS.items() if kind in other.maybe}
    else:
        options = _UNSURE.get(record.category) or [n for n, k in KINDS.items() if k.label == record.label]
        maybe |= {f"kind:{name}" for name in options}
    if named:
        sure.add(f"colour:{named[0]}")
        maybe |= {f"colour:{kin}" for kin in COLOR_KIN[named[0]]} | {f"colour:{name}" for name in named[1:]}
        sure |= {f"also:{name}" for name in named[:2]}
    near = {named[0], *COLOR_KIN[named[0]]} if named else set()
    if shade:
        sure.add(f"shade:{shade}")
        near = set(SHADES[shade].within)
        maybe |= {f"colour:{name}" for name in near}
    maybe |= {f"shade:{name}" for name, other in SHADES.items() if near & set(other.within)}
    if kind and kind in SLEEVES:
        sure.add(f"sleeves:{SLEEVES[kind]}")
    elif record.label not in {"lower_wear", "foot_wear"}:
        maybe |= {f"sleeves:{length}" for length in ("short", "no", "long")}
    more_sure, more_maybe = _pattern_facts(record.pattern, plain)
    sure |= more_sure
    maybe |= more_maybe
    if record.gender:
        sure.add(f"for:{record.gender}")
    else:
        maybe |= {"for:women's", "for:men's", "for:kids"}
    return Facts(frozenset(sure), frozenset(maybe | sure))


def _pattern_facts(named: str, plain: bool | None) -> tuple[set[str], set[str]]:
    """What a record's own word, or else the measured evenness of colour, says of the pattern."""
    if named in _PATTERNS:
        return {"many", f"pattern:{_PATTERNS[named]}"}, set()
    if named == "solid":
        return {"plain"}, {"many"}
    every = {f"pattern:{name}" for name in PATTERN_WORDS}
    if plain is None:
        return set(), {"plain", "many", *every}
    return ({"plain"}, set()) if plain else ({"many"}, every)


def caption(facts: Facts, rng: np.random.Generator) -> Caption:
    """One caption that is true of a picture with these facts."""
    known = {key: value for key, _, value in (fact.partition(":") for fact in sorted(facts.sure)) if key != "also"}
    colour, shade = known.get("colour"), known.get("shade")
    noun, noun_fact = _noun(known.get("kind"), known.get("label"), rng)
    word = _pick(SHADE_WORDS[shade], rng) if shade else _pick(COLOR_WORDS[colour], rng) if colour else ""
    fits = {f"shade:{shade}"} if shade else {f"colour:{colour}"}

    def say(templates: Sequence[str], always: Iterable[str] = (), **words: str) -> Caption:
        text = _pick(templates, rng)
        demands = set(always) | (noun_fact if "{n}" in text else set()) | (fits if "{c}" in text else set())
        return Caption(text.format(c=word, n=noun, **words), frozenset(demands))

    chance = rng.random()
    if not word or chance < 0.1:
        return say(_NOUN_ONLY)
    if chance < 0.3:
        return say(_COLOR_ONLY)
    if chance < 0.65 and (told := _detail(facts, known, say, rng)):
        return told
    return say(_NAMED)


def _detail(
    facts: Facts, known: Mapping[str, str], say: Callable[..., Caption], rng: np.random.Generator
) -> Caption | None:
    """A caption that tells more than colour and kind, if one of them comes up and the facts have it."""
    topic = ("pattern", "second colour", "plain", "for", "sleeves")[rng.integers(5)]
    colour = known.get("colour", "")
    second = [f[5:] for f in sorted(facts.sure) if f.startswith("also:") and f[5:] != colour]
    if topic == "pattern" and "pattern" in known:
        return say(_PATTERNED, {f"pattern:{known['pattern']}"}, p=_pick(PATTERN_WORDS[known["pattern"]], rng))
    if topic == "second colour" and second:
        both = {f"also:{colour}", f"also:{second[0]}"}
        told = say(_TWO_COLORS, both, d=_pick(COLOR_WORDS[second[0]], rng))
        return Caption(told.text, told.demands - {f"colour:{colour}"})
    if topic == "plain" and facts.sure & {"plain", "many"}:
        return say(_PLAIN, {"plain"}) if "plain" in facts.sure else say(_MANY, {"many"})
    if topic == "sleeves" and "sleeves" in known:
        length = known["sleeves"]
        return say(_SLEEVELESS if length == "no" else _SLEEVED, {f"sleeves:{length}"}, s=length)
    if topic == "for" and "for" in known:
        return say(_FOR_WHOM, {f"for:{known['for']}"}, w=known["for"], s=known["for"].removesuffix("'s"))
    return None


def modification(colour: str, rng: np.random.Generator) -> str:
    """How a person asks for the same garment in another colour or shade."""
    return _pick(_COLOR_ONLY, rng).format(c=_pick((SHADE_WORDS if colour in SHADE_WORDS else COLOR_WORDS)[colour], rng))


def single_facts(rng: np.random.Generator) -> list[Caption]:
    """One caption for every kind, class, pattern and sleeve there is: what a batch is asked throughout."""
    told = [Caption(_plainly(kind.words, rng), frozenset({f"kind:{k}"})) for k, kind in KINDS.items()]
    told += [Caption(_plainly(words, rng), frozenset({f"label:{k}"})) for k, words in LABEL_WORDS.items()]
    told += [Caption(_plainly(words, rng), frozenset({f"pattern:{k}"})) for k, words in PATTERN_WORDS.items()]
    told += [Caption(f"{s} sleeves", frozenset({f"sleeves:{s}"})) for s in ("short", "long", "no")]
    return told


def _plainly(words: Sequence[str], rng: np.random.Generator) -> str:
    return _pick(words, rng) if rng.random() < 0.6 else _pick(_NOUN_ONLY, rng).format(n=_pick(words, rng))


def _noun(kind: str | None, label: str | None, rng: np.random.Generator) -> tuple[str, set[str]]:
    if kind and rng.random() < 0.8:
        return _pick(KINDS[kind].words, rng), {f"kind:{kind}"}
    if label:
        return _pick(LABEL_WORDS[label], rng), {f"label:{label}"}
    return (_pick(KINDS[kind].words, rng), {f"kind:{kind}"}) if kind else ("piece of clothing", set())


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


VOCABULARY: tuple[str, ...] = (
    *(f"colour:{c}" for c in COLOR_NAMES),
    *(f"also:{c}" for c in COLOR_NAMES),
    *(f"kind:{k}" for k in KINDS),
    *(f"label:{name}" for name in LABEL_WORDS),
    *(f"for:{who}" for who in ("women's", "men's", "kids")),
    *(f"pattern:{name}" for name in PATTERN_WORDS),
    *(f"shade:{name}" for name in SHADES),
    *(f"sleeves:{length}" for length in ("short", "long", "no")),
    "plain",
    "many",
)  # fmt: skip
_AT = {fact: i for i, fact in enumerate(VOCABULARY)}


def multi_hot(rows: Iterable[frozenset[str]]) -> NDArray[np.float32]:
    """(n, len(VOCABULARY)): 1 where a row has the fact."""
    listed = list(rows)
    out = np.zeros((len(listed), len(VOCABULARY)), np.float32)
    for row, facts in enumerate(listed):
        out[row, [_AT[fact] for fact in facts]] = 1
    return out


def truth(facts: Sequence[Facts], demands: Sequence[frozenset[str]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which demands hold for which pictures, and which may: both (pictures, demands)."""
    wanted = multi_hot(demands)
    need = wanted.sum(1)[None]
    sure = multi_hot([f.sure for f in facts]) @ wanted.T >= need - 0.5
    maybe = multi_hot([f.maybe for f in facts]) @ wanted.T >= need - 0.5
    return sure, maybe | sure


def answered(facts: Sequence[Facts], demands: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
    """(pictures, demands): whether a picture's own word is known for everything that is asked of it.

    Where it is, "maybe" means that another word is the right one; where it is not, that nobody knows.
    """
    families = sorted({fact.partition(":")[0] for fact in VOCABULARY})

    def hot(rows: Sequence[frozenset[str]]) -> NDArray[np.float32]:
        has = [{fact.partition(":")[0] for fact in row} for row in rows]
        return np.array([[family in some for family in families] for some in has], np.float32)

    asked = hot(demands)
    return np.asarray(hot([f.sure for f in facts]) @ asked.T >= asked.sum(1)[None] - 0.5, np.bool_)
