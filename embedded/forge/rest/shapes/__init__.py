"""Rows as the JSON objects of GitHub's API description."""
