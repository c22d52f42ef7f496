"""`replay N`: the decisions of one incident made again, offline, from its log and what was frozen."""

from mission_control.exits import Ended


class BadCase(Ended):
    """The file is no case, or not the case that was exported."""
