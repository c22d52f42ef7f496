"""The embedded world: its processes, its ports, its keys, and what `up` and `down` do with them."""
