"""`demo`: faults, and what witnesses saw of their end."""
