"""Makes what runs what the repository says: a commit becomes containers, and its status says how that went."""
