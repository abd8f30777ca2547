"""Colors: naming them on a mask, palettes and how alike they are, the words for them, and scoring by them."""
