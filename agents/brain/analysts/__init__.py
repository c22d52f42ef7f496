"""One analyst per kind of evidence; each a pure function from (incident, case) to clues."""
