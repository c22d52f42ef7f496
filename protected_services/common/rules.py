"""Business rules as live numbers: what the product owners may turn without a release."""

from collections.abc import Mapping


class Rules:
    """Named numbers with defaults; an override stands until it is withdrawn."""

    def __init__(self) -> None:
        self._defaults: dict[str, float] = {}
        self._overrides: dict[str, Mapping[str, float]] = {}

    def __getitem__(self, name: str) -> float:
        for values in reversed(list(self._overrides.values())):
            if name in values:
                return values[name]
        return self._defaults[name]

    def declare(self, name: str, default: float) -> None:
        """Make `name` a rule of this service."""
        self._defaults[name] = default

    def override(self, key: str, values: Mapping[str, float]) -> None:
        """Set `values` under `key`; the latest override of a name counts."""
        self._overrides[key] = values

    def withdraw(self, key: str) -> None:
        self._overrides.pop(key, None)
