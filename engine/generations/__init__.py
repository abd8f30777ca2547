"""Generations: whole sets of collections, each made by one set of models; one of them serves."""
