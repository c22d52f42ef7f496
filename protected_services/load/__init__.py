"""load: steady synthetic customers."""
