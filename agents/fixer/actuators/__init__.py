"""The Fixer's hands: one file per verb and world, imported by wiring alone."""
