"""Which risks the insurer takes on."""

from dataclasses import dataclass

MAX_RISK_FACTOR = 1.8
"""The usual appetite: customers above this risk factor are not insured. About one in fifty of the synthetic ones."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a purchase is refused: a code for machines, a sentence for the customer."""

    code: str
    text: str


BEYOND_APPETITE = Reason("risk_appetite", "We cannot offer this cover at your current risk profile.")


def refusal(risk_factor: float, max_risk_factor: float = MAX_RISK_FACTOR) -> Reason | None:
    """None when the risk is taken."""
    return BEYOND_APPETITE if risk_factor > max_risk_factor else None
