"""The studio: a generated catalogue, drawn by our own code, with exact truth for every picture.

It gives thatlook pictures that anybody may use: for the demo, for tests, and to
train and measure with. Everything is a pure function of its arguments and a seed.
"""
