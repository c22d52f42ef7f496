"""The commands that GitHub's workflows call."""
