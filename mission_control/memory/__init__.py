"""The command group `memory`."""
