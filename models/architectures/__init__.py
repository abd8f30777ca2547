"""How each network is built, without weights. Needs the `train` group."""
