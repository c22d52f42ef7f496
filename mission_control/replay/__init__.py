"""`replay N`: the decisions of one incident made again, offline, from its log and what was frozen."""


class BadCase(Exception):
    """The file is no case, or not the case that was exported."""
