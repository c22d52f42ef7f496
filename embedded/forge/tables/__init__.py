"""What the forge remembers, one class per kind of thing, all synchronous and all in one SQLite file."""
