"""The models and collections of each generation, opened beside each other; what asks them sees one at a time."""
