"""A local GitHub: REST v3 over SQLite for the words, a bare git repository for the code, one process."""
