"""Whether scores promise what they hold: how often a hit of a score is of the same article."""
