"""Sandboxes for untrusted programs: bubblewrap, Docker, and none. All run the same keeper as their first process.

What each isolates and what not: docs/adr/0009-a-sandbox-looks-at-itself-first.md.
"""
