"""Memory: closes what is fixed with a factual account, counts recurrences, and keeps labels true to the log."""
