"""`python -m thatlook` is `thatlook`."""

from thatlook.program import main

main()
