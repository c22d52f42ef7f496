"""The incident protocol: signed facts on a GitHub issue, and the pure fold that turns them into an incident."""
