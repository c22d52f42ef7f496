"""Brain: from evidence to the root cause and one proposed action, or the plain word that it does not know."""
