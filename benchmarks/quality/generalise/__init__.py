"""How well what was learned carries over to pictures of another kind."""
