"""All that the forge answers over REST. Order matters only within one method and first word."""

from embedded.forge.rest import (
    checks,
    comments,
    commits,
    contents,
    events,
    git_objects,
    graphql,
    hooks,
    issues,
    labels,
    merge,
    pulls,
    reactions,
    refs,
    repository,
    reviews,
    search,
)
from embedded.forge.rest.router import Route, Router

ROUTES: tuple[Route, ...] = (
    *repository.ROUTES,
    *comments.ROUTES,
    *events.ROUTES,
    *labels.ROUTES,
    *reactions.ROUTES,
    *issues.ROUTES,
    *refs.ROUTES,
    *git_objects.ROUTES,
    *contents.ROUTES,
    *commits.ROUTES,
    *pulls.ROUTES,
    *merge.ROUTES,
    *reviews.ROUTES,
    *checks.ROUTES,
    *hooks.ROUTES,
    *search.ROUTES,
    *graphql.ROUTES,
    *commits.LAST,
)

router = Router(ROUTES)
