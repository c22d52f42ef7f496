"""Tier-3 backends: each a way to have code changed by somebody else, with one privilege. Only wiring imports them."""
