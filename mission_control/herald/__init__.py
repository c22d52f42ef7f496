"""The herald turns what changed on GitHub into wake-ups on the stream, so that nobody waits for the next resync."""
