"""What people see and say in a terminal: every command that shows, follows or speaks."""
