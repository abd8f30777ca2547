"""One run over products: what has to be done for each, the stages that do it, and what is written in the end."""
