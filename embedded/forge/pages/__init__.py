"""What people see of the forge: issues, pull requests and commits as pages that update themselves."""

from embedded.forge.pages.routes import routes

__all__ = ["routes"]
