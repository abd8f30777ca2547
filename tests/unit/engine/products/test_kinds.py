"""What a shop's words say of the garment, in many languages, and when they say nothing."""

from __future__ import annotations

import pytest

from engine.domain import Product
from engine.products.categories import category_of_id, category_paths, google_categories, said_by_category
from engine.products.garments import Said, garments_in, read_step, read_title
from engine.products.kinds import kind_of
from engine.taxonomy import load_taxonomy
from engine.words.parsed_text import shop_words

TAXONOMY = load_taxonomy()

GARMENTS = {
    "full_body": """
        dress | shirt dress | coat dress | jumper dress | tank dress | polo dress | Hemdblusenkleid | sundress |
        Robe chemise | Robe t-shirt | dungarees | Jumpsuits & Rompers | One-Pieces | Latzhose |
        Linen dress with belt | Vestido camisero | Abito lungo | Sukienka koszulowa | jurk | overhemdjurk |
        klänning | Платье летнее | ワンピース | swimsuit | Badeanzug | Nachthemd | chemise de nuit | Robe de soirée |
        slip dress | Kleid mit Gürtel | Strampler | denim shirt dress | Dress in denim | Elbise |
        combinaison pantalon
    """,
    "upper_wear": """
        dress shirt | Dress Shirts | jumper | tank | polo | Tee | Hoodies & Sweatshirts | Blusen & Tuniken |
        Strickjacke | Chemise en jean | pull col roulé | camicetta | trui | overhemd | tröja | koszulka |
        Shirt with tie | Polo Ralph Lauren shirt | sweater vest | Tops, shirts & blouses | Футболка | シャツ |
        Boot print T-shirt | Top tie front | T-shirt tie dye | jean shirt | skirt print blouse | Langarmshirt
    """,
    "lower_wear": """
        boot-cut jeans | Boot cut jeans | Jeans boot cut | dress pants | Röcke | Roecke | Rock Anna | Jupes |
        Schmale Hose | Pantalon en lin | jupe-culotte | Hosenrock | jean slim | Short en jean |
        Gonna plissettata | vaqueros | spijkerbroek | rok | byxor | spodnie | Jeansrock | Badehose | skorts |
        pantaloncini | Calças | Брюки | スカート | shirt tail skirt | Hosen & Röcke | swim trunks |
        paper bag trousers | kjol | Pantolon
    """,
    "foot_wear": """
        dress shoes | Schuhe für Damen | Stiefeletten | Chaussures | Baskets | Escarpins | Botas | stivali |
        laarzen | skor | buty | Обувь | 靴 | High top sneakers | Sneaker high top | ankle boots | tênis |
        coat of arms boots
    """,
    "outerwear": """
        jean jacket | dress coat | Coats & Jackets | shirt jacket | Jeansjacke | Hemdjacke | Veste en jean |
        Manteaux & vestes | chaqueta vaquera | cappotti | spijkerjas | jacka | kurtka | Blazer | Hosenanzug |
        puffer vest | Куртка | コート | raincoat | Waistcoat | suit jacket | Leather jacket with belt | winterjas |
        Jacken & Mäntel
    """,
}
NO_GARMENTS = """
    shoe accessories | Shoelaces | Leather belt | Handschuhe | Handbags | Boot socks | dress socks | Coat hanger |
    Shoe bag | Gürtel | Sac à main | Ceinture | handschoenen | Insoles | Jeans belt | Socken | Bow tie | Shoe care |
    Hair accessories | Umhängetasche | Schuhzubehör | Bra accessories | dog coat
"""
SAYS_NOTHING = """
    New In | Summer Sale | Home | Damen | Dresses & Skirts | Model 3000 | Apparel & Accessories | Kleider & Röcke |
    Swimwear | Schuhe & Accessoires | Clothing, Shoes & Accessories | Tracksuit | Pyjama | Bikini | address | Barock |
    Nouveautés | Oberbekleidung | Prendas | Robes et jupes | Costumes | Outlet | XXL | Suits & Dresses
"""


def listed(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")]


def said(answer: Said) -> str | None:
    return answer.garment.supercategory if answer.garment else f"-{answer.other}" if answer.other else None


@pytest.mark.parametrize("supercategory", GARMENTS)
def test_the_head_noun_decides(supercategory: str) -> None:
    """As a category's step and as a title: a dress shirt is a shirt, a shirt dress a dress, in every language."""
    words = listed(GARMENTS[supercategory])
    assert {w: (said(read_step(w, TAXONOMY)), said(read_title(w, TAXONOMY))) for w in words} == dict.fromkeys(
        words, (supercategory, supercategory)
    )


@pytest.mark.parametrize("words", listed(NO_GARMENTS))
def test_what_is_worn_and_no_garment(words: str) -> None:
    """Siblings of garments: gloves are no shoes, though the German word ends so."""
    assert (said(read_step(words, TAXONOMY)) or "")[:1] == "-"
    assert (said(read_title(words, TAXONOMY)) or "")[:1] == "-"


@pytest.mark.parametrize("words", listed(SAYS_NOTHING))
def test_what_says_nothing(words: str) -> None:
    """Marketing, kinds that may be several, and what joins two kinds decide nothing."""
    assert said(read_step(words, TAXONOMY)) is None
    assert said(read_title(words, TAXONOMY)) is None


@pytest.mark.parametrize(
    ("number", "supercategory"),
    [(204, "lower_wear"), (1581, "lower_wear"), (2331, "lower_wear"), (207, "lower_wear"), (5344, "lower_wear"),
     (212, "upper_wear"), (214, "upper_wear"), (5410, "upper_wear"), (2271, "full_body"), (5182, "full_body"),
     (5250, "full_body"), (7132, "full_body"), (5411, "full_body"), (5424, "full_body"), (5441, "full_body"),
     (5330, "full_body"), (6031, "full_body"), (5598, "outerwear"), (1831, "outerwear"), (203, "outerwear"),
     (1580, "outerwear"), (5425, "outerwear"), (5678, "outerwear"), (5514, "lower_wear"), (5408, "lower_wear"),
     (187, "foot_wear"), (5387, "foot_wear"), (1933, "-shoe accessory"), (1856, "-shoe accessory"), (3032, "-bag"),
     (169, "-belt"), (173, "-hat"), (209, "-socks"), (191, "-jewellery"), (5004, "-pet wear"), (211, None),
     (166, None), (1604, None), (5322, None), (213, None), (2580, None), (5193, None)],
)  # fmt: skip
def test_googles_ids(number: int, supercategory: str | None) -> None:
    """Each id is its path, and says the same as that."""
    path = category_of_id(str(number))
    assert path is not None
    assert said(said_by_category(path, TAXONOMY)) == supercategory
    assert category_paths([str(number)], google=True) == category_paths([path.replace(" > ", ">")], google=True)


def test_the_table_of_googles_ids_is_whole() -> None:
    """Every category of Apparel & Accessories is there, and every garment named is one that the taxonomy knows."""
    table = google_categories()
    assert len([path for path, _ in table.values() if path.startswith("Apparel & Accessories")]) == 240
    assert table["8149"][0].endswith("Religious Ceremonial Clothing > Baptism & Communion Dresses")
    unknown = {kind for _, kind in table.values() if kind[0] not in "?-" and TAXONOMY.classify(kind) is None}
    assert unknown == set()


@pytest.mark.parametrize(
    ("categories", "title", "supercategory"),
    [
        (("Home > New In > Summer Sale", "Apparel & Accessories > Clothing > Pants"), "Model 3000", "lower_wear"),
        (("Damen > Röcke",), "Rock Anna", "lower_wear"),
        (("Femme > Jupes",), "Rock Anna", "lower_wear"),
        (("Dresses & Skirts",), "Pleated skirt", "lower_wear"),
        (("Women > Shirts", "Apparel & Accessories > Clothing > Dresses"), "Shirt dress", "full_body"),
        (("Women > Dresses",), "The Marlow shirt", "full_body"),
        (("Shoes & Accessories",), "Leather belt", "-belt"),
        (("Shoes > Accessories",), "Model 3000", "-accessory"),
        (("Shoes > Shoe Accessories",), "Sneaker cleaner", "-shoe accessory"),
        (("Apparel & Accessories",), "Slim Trousers", "lower_wear"),
        (("Clothing, Shoes & Jewelry > Women > Clothing > Dresses",), "X", "full_body"),
        (("Apparel & Accessories/Clothing/Dresses",), "X", "full_body"),
        (("Women - Jeans",), "X", "lower_wear"),
        (("Fashion >> Women >> summer-dresses",), "X", "full_body"),
        (("Bekleidung & Accessoires > Bekleidung > Überbekleidung > Mäntel & Jacken",), "X", "outerwear"),
        (("Vêtements > Sous-vêtements et chaussettes > Chaussettes",), "X", "-socks"),
        (("Clothing & Accessories",), "Langarm-Shirt", "upper_wear"),
        (("Sale", "Neu"), "Model 3000", None),
    ],
)
def test_one_field_stands_in_for_another(categories: tuple[str, ...], title: str, supercategory: str | None) -> None:
    """Categories first, the title where they say nothing, and two of them against one."""
    product = Product("p", title, "https://s.example", ("a.jpg",), category=categories[0], categories=categories)
    assert said(kind_of(product, TAXONOMY)) == supercategory


@pytest.mark.parametrize(
    ("title", "supercategory"),
    [
        ("Women Printed Green Kurtas", "upper_wear"), ("Mandarin Collar White Shirts", "upper_wear"),
        ("Laptop sleeve", None), ("Shamrock T-shirt", "upper_wear"), ("Papillon dress", "full_body"),
        ("Ballerina skirt", "lower_wear"), ("Jogging shoes", "foot_wear"), ("Sort of blue jeans", "lower_wear"),
        ("Kappa Men Track pants", "lower_wear"), ("Quotas", None), ("Cardigan coat", "outerwear"),
        ("Cap Toe Derby", "foot_wear"), ("Watch the Throne crew", None), ("Leather belt dark brown", "-belt"),
        ("Socken 3er Pack Herren", "-socks"), ("Hat in wool", "-hat"),
        ("Sweat pants", "lower_wear"), ("Handtas", "-bag"), ("Cap sleeve top with collar", "upper_wear"),
    ],
)  # fmt: skip
def test_words_of_one_language_inside_another(title: str, supercategory: str | None) -> None:
    """Dutch bags (tas), Spanish necklaces (collar) and French butterflies do not hide in English."""
    assert said(read_title(title, TAXONOMY)) == supercategory


def test_a_brand_is_no_garment() -> None:
    """The title is read without its brand."""
    product = Product("p", "Pull & Bear jeans", "https://s.example", ("a.jpg",), brand="Pull & Bear")
    assert said(kind_of(product, TAXONOMY)) == "lower_wear"


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ("Women>Dresses", ("Women > Dresses",)),
        ("Women > Dresses; Sale", ("Women > Dresses", "Sale")),
        ("Home > Women > Dresses, Home > New In", ("Home > Women > Dresses", "Home > New In")),
        ("Apparel & Accessories > Handbags, Wallets & Cases > Handbags",
         ("Apparel & Accessories > Handbags, Wallets & Cases > Handbags",)),
        ("Women > Tops, Shirts & Blouses > Shirts", ("Women > Tops, Shirts & Blouses > Shirts",)),
        ("204 - Bekleidung > Hosen", ("Apparel & Accessories > Clothing > Pants",)),
        ("0204", ("Apparel & Accessories > Clothing > Pants",)),
        ("536", ("536",)),
    ],
)  # fmt: skip
def test_paths_of_a_text(written: str, paths: tuple[str, ...]) -> None:
    """One form for a path; several in a text are parted where a new path begins."""
    assert category_paths([written], google=True) == paths


def test_a_taxonomy_of_a_shop_decides_what_it_knows() -> None:
    """Words are read by the shop's own classes: one that has bags takes them in."""
    from dataclasses import replace

    from engine.taxonomy import GarmentClass

    bag = GarmentClass("bag", "accessory", synonyms=frozenset({"bags"}))
    shop = replace(TAXONOMY, classes={**TAXONOMY.classes, "bag": bag}, supercategories={"accessory": "bags"})
    assert read_title("Umhängetasche aus Leder", shop).garment == bag


@pytest.mark.parametrize(
    ("title", "garments"),
    [
        ("Nike Men Blue T-shirt", ["t-shirt"]),
        ("Damen Kleid mit Gürtel", ["dress"]),
        ("Robe chemise en lin", ["dress", "shirt"]),
        ("Canvas tote bag", []),
        ("Acme 2026", []),
    ],
)
def test_the_words_kept_of_a_title_name_its_garments(title: str, garments: list[str]) -> None:
    """Of a bag, a belt and a brand none is a garment."""
    assert sorted(garments_in(shop_words([title]))) == garments
