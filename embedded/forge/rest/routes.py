"""All that the forge answers over REST. Order matters only within one method and first word."""

from embedded.forge.rest import comments, events, issues, labels, reactions, refs, repository
from embedded.forge.rest.router import Route, Router

ROUTES: tuple[Route, ...] = (
    *repository.ROUTES,
    *comments.ROUTES,
    *events.ROUTES,
    *labels.ROUTES,
    *reactions.ROUTES,
    *issues.ROUTES,
    *refs.ROUTES,
)

router = Router(ROUTES)
