"""Other words for the kinds of garments, as shoppers on both sides of the ocean say them.

The sentence encoder knows English, but not that trainers are shoes: words of fashion are taught with the captions.
`HELD_OUT` is never said in training and shows whether words that no caption had are understood all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "t-shirt": (
            "t shirt", "crew neck tee", "graphic tee", "v-neck t-shirt", "short sleeved tee", "cotton tee",
            "band tee", "round neck t-shirt", "jersey top", "football jersey", "sports tee", "printed t-shirt",
            "tee-shirt",
        ),
        "longsleeve": (
            "long sleeve tee", "long-sleeved t-shirt", "base layer", "henley", "thermal top", "rash guard",
            "long sleeve shirt",
        ),
        "shirt": (
            "dress shirt", "button down", "casual shirt", "oxford shirt", "formal shirt", "flannel shirt",
            "checked shirt", "denim shirt", "linen shirt", "work shirt", "business shirt", "hawaiian shirt",
            "shirt with a collar", "shirt with buttons", "office shirt", "plaid shirt", "half sleeve shirt",
        ),
        "blouse": ("chiffon blouse", "silk blouse", "ruffled blouse", "ladies' blouse", "peasant blouse"),
        "polo": ("polo t-shirt", "golf shirt", "tennis shirt", "pique polo", "collared t-shirt"),
        "top": (
            "women's top", "crop top", "halter top", "tunic", "peplum top", "off shoulder top", "summer top",
            "evening top", "tube top", "wrap top", "cropped top", "party top",
        ),
        "tank": (
            "vest top", "singlet", "camisole", "cami", "racerback", "sleeveless tee", "undershirt", "muscle shirt",
            "a-shirt", "spaghetti top", "sleeveless shirt", "vest", "strappy top",
        ),
        "sweater": (
            "jumper", "woolly jumper", "knitwear", "knitted sweater", "knit top", "wool sweater", "turtleneck",
            "roll neck", "cashmere sweater", "cable knit", "v-neck sweater", "crew neck sweater", "woolly",
            "knitted pullover", "fair isle sweater",
        ),
        "sweatshirt": (
            "crew neck sweatshirt", "fleece top", "track top", "sweat top", "french terry top", "gym sweater",
        ),
        "hoodie": (
            "hoody", "zip hoodie", "hooded top", "zip-up hoodie", "hooded pullover", "hooded sweater",
            "zipped hoodie",
        ),
        "cardigan": ("knitted cardigan", "button-up cardigan", "open cardigan", "cardi", "knit jacket"),
        "bra": ("bralette", "brassiere", "bikini top", "crop bra", "workout bra"),
        "body": ("onesie", "babygrow", "leotard", "baby romper", "infant bodysuit"),
        "pants": (
            "chinos", "khaki pants", "chino trousers", "slacks", "dress pants", "suit trousers", "cargo pants",
            "joggers", "sweatpants", "track pants", "corduroys", "wide leg trousers", "culottes", "khakis",
            "formal trousers", "linen pants", "palazzo pants", "jogging bottoms", "cropped trousers",
            "pleated trousers", "tracksuit bottoms", "workwear trousers",
        ),
        "jeans": (
            "denim", "denims", "skinny jeans", "blue jeans", "denim trousers", "bootcut jeans", "ripped jeans",
            "denim jeans", "boyfriend jeans", "straight leg jeans", "levis",
        ),
        "leggings": (
            "yoga pants", "stretch pants", "running tights", "jeggings", "capris", "gym leggings", "treggings",
        ),
        "shorts": (
            "bermudas", "short pants", "bermuda shorts", "denim shorts", "running shorts", "cargo shorts",
            "gym shorts", "board shorts", "cut-offs", "sports shorts", "knee-length shorts", "swim shorts",
            "shorts for summer",
        ),
        "skirt": (
            "mini skirt", "maxi skirt", "pencil skirt", "pleated skirt", "midi skirt", "a-line skirt", "denim skirt",
            "tulle skirt", "kilt", "flared skirt", "wrap skirt",
        ),
        "dress": (
            "LBD", "little black dress", "maxi dress", "sundress", "evening dress", "cocktail dress", "frock",
            "summer dress", "party dress", "mini dress", "shift dress", "bodycon dress", "wrap dress", "ball gown",
            "midi dress", "shirt dress", "evening gown", "wedding dress", "prom dress", "sweater dress",
        ),
        "romper": ("overalls", "one-piece suit", "all-in-one", "boilersuit", "catsuit", "unitard"),
        "coat": (
            "parka", "winter coat", "wool coat", "trench coat", "topcoat", "duffle coat", "pea coat", "fur coat",
            "raincoat", "down coat", "camel coat", "mac", "long overcoat", "trenchcoat",
        ),
        "jacket": (
            "anorak", "bomber jacket", "leather jacket", "denim jacket", "puffer jacket", "windbreaker",
            "rain jacket", "zip jacket", "biker jacket", "fleece jacket", "track jacket", "down jacket",
            "ski jacket", "jean jacket", "padded jacket", "shell jacket", "varsity jacket", "outdoor jacket",
            "gilet",
        ),
        "blazer": (
            "sport coat", "tuxedo jacket", "dinner jacket", "sports jacket", "formal jacket", "tailored jacket",
        ),
        "cape": ("cloak", "shawl", "wrap", "ruana"),
        "shoes": (
            "footwear", "shoe", "a pair of shoes", "casual shoes", "leather shoes", "lace-up shoes",
            "everyday shoes",
        ),
        "sneakers": (
            "trainers", "plimsolls", "sneaker", "sports shoes", "running shoe", "athletic shoes", "gym shoes",
            "tennis shoes", "sport shoes", "basketball shoes", "canvas shoes", "skate shoes", "high tops",
            "walking shoes", "training shoes", "jogging shoes", "football boots", "trainer shoes",
        ),
        "boots": (
            "wellingtons", "boot", "chelsea boots", "knee high boots", "hiking boots", "cowboy boots", "rain boots",
            "winter boots", "leather boots", "combat boots", "desert boots", "work boots", "booties",
            "thigh high boots", "gumboots",
        ),
        "heels": (
            "stilettos", "high heeled shoes", "court shoes", "stiletto heels", "wedges", "platform shoes",
            "kitten heels", "heeled shoes", "high-heels", "peep toes", "slingbacks", "platform heels", "wedge heels",
        ),
        "sandals": (
            "espadrilles", "sandal", "gladiator sandals", "strappy sandals", "beach sandals", "open toe sandals",
            "slides", "leather sandals", "platform sandals", "walking sandals", "slingback sandals",
            "summer sandals",
        ),
        "flats": (
            "flat shoes", "ballerinas", "ballet shoes", "ballerina shoes", "ladies' flats", "ballet pumps", "mules",
        ),
        "loafers": ("loafer", "slip-on shoes", "boat shoes", "driving shoes", "penny loafers", "deck shoes"),
        "flip-flops": (
            "thongs", "flip flops", "flipflops", "beach slippers", "thong sandals", "rubber slippers",
            "pool sliders",
        ),
        "formal shoes": (
            "brogues", "oxfords", "oxford shoes", "dress shoes", "derby shoes", "brogue shoes", "business shoes",
            "men's leather shoes", "office shoes", "smart shoes", "monk strap shoes", "lace-up oxfords",
        ),
        "bag": ("purse", "tote bag", "backpack", "clutch", "shoulder bag", "rucksack", "satchel"),
        "hat": ("baseball cap", "beanie", "sun hat", "fedora", "beret", "bucket hat", "knit cap", "cowboy hat"),
    }
)  # fmt: skip
"""Taught in captions, beside the words of `captions.KINDS`."""

HELD_OUT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "t-shirt": ("tees", "crewneck t-shirt"),
        "shirt": ("button-down shirt", "button-front shirt"),
        "sweater": ("woollen pullover", "knit jumper"),
        "sweatshirt": ("sweat shirt",),
        "hoodie": ("hooded jumper",),
        "pants": ("suit pants", "cotton chinos"),
        "jeans": ("five pocket denims",),
        "shorts": ("hot pants", "bermuda pants"),
        "skirt": ("miniskirt",),
        "dress": ("gala dress", "evening wear gown"),
        "coat": ("greatcoat", "hooded parka"),
        "jacket": ("wind jacket", "zip-up jacket"),
        "sneakers": ("workout shoes", "gym trainers"),
        "boots": ("bootees",),
        "heels": ("high heel shoes",),
        "sandals": ("open-toed sandals",),
        "loafers": ("moccasins",),
        "flats": ("ballet flat shoes",),
        "flip-flops": ("flip-flop sandals",),
        "formal shoes": ("wingtips",),
    }
)
"""Said in no caption: the test of words that the text tower must know by itself."""
