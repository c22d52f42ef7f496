"""The patients: a small insurance marketplace that knows nothing of the fleet that looks after it."""
