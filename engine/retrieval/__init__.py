"""The search: candidates, exact scores, fusion, ranking, looks, and what is told of an answer."""
