"""The bare git repository behind the forge, driven through the `git` program."""
