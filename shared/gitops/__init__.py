"""Changing a repository, without touching one: the desired state, its edits, and what is wrong with a proposed tree."""
