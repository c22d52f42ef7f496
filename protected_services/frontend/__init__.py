"""frontend: the pages and the public API of the marketplace."""
