"""Fixer: the only hands. It acts on what is ruled, asks the policy again at the moment of use, and says what it did."""
