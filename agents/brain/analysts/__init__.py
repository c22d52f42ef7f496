"""One analyst per field; each a pure function from (incident, case, reading) to clues, with one vote a hypothesis."""
