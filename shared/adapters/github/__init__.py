"""GitHub: issues, people and history of one repository. The one place of the fleet that imports PyGithub."""

from shared.adapters.github.client import GitHub, connect
from shared.adapters.github.lanes import writing_in
from shared.adapters.github.paced import PacedQueue
from shared.adapters.github.wire import Address

__all__ = ["Address", "GitHub", "PacedQueue", "connect", "writing_in"]
