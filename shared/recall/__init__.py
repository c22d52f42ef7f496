"""What the fleet makes of its past: episodes, texts worth finding again, vectors for them, and the order of what is
found. Pure."""
