"""How much of what a product may have; the API's document tells the same."""

MAX_ID, MAX_TITLE, MAX_LINK = 200, 500, 2_048
"""Characters. An id, a title or an address that is longer is refused."""
MAX_TEXT, MAX_VALUE, MAX_NAME = 10_000, 500, 100
"""Characters of a description, of a word such as a brand or an attribute's value, of an attribute's name: cut."""
MAX_IMAGES, MAX_ATTRIBUTES, MAX_CATEGORIES = 20, 100, 20
"""Of more, the first are kept."""
