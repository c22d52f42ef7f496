"""Which address shows which page."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from embedded.forge.pages import labels
from embedded.forge.pages.commit import CommitPage
from embedded.forge.pages.issue import IssuePage
from embedded.forge.pages.lists import Lists
from embedded.forge.pages.live import Live
from embedded.forge.pages.page import HEADERS, HERE, Pages
from embedded.forge.pages.pull import PullPage
from embedded.forge.world import World

Endpoint = Callable[[Request], Response]
TYPES: Final = {"forge.css": "text/css", "forge.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""The static files, under /-/ because no owner can be called that."""


def routes(world: World) -> list[BaseRoute]:
    """The pages of one world, most special first; the last one answers 404 to everything else."""
    store, pages = world.store, Pages(world.store)
    lists, live = Lists(store, pages), Live(store)
    statics = {name: (HERE / "static" / name).read_bytes() for name in TYPES}

    def missing(request: Request) -> Response:
        return pages.draw(request, "missing.html", status=404, title="Not found", what="such page")

    def ours(request: Request) -> bool:
        return f"{request.path_params['owner']}/{request.path_params['repo']}".lower() == store.repo.lower()

    def here(page: Endpoint) -> Endpoint:
        """`page` for this forge's repository (case does not matter), the 404 page for any other."""

        def endpoint(request: Request) -> Response:
            return page(request) if ours(request) else missing(request)

        return endpoint

    def home(_: Request) -> Response:
        return RedirectResponse(f"{pages.root}/issues", 302)

    def static(request: Request) -> Response:
        name = request.path_params["file"]
        if name not in statics:
            return missing(request)
        headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(statics[name], headers=headers, media_type=TYPES[name])

    def label_colours(_: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-cache"}
        return Response(labels.stylesheet(store.labels.all()), headers=headers, media_type="text/css")

    async def events(request: Request) -> Response:
        if not ours(request):
            return missing(request)
        answer = await live(request)
        answer.headers.update(HEADERS)
        return answer

    def page(path: str, endpoint: Endpoint | Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(f"/{{owner}}/{{repo}}{path}", endpoint, methods=["GET"])

    return [
        Route("/", home, methods=["GET"]),
        Route("/-/{file}", static, methods=["GET"]),
        page("", here(home)),
        page("/live", events),
        page("/labels.css", here(label_colours)),
        page("/issues", here(lists.issues)),
        page("/pulls", here(lists.pulls)),
        page("/issues/{number}", here(IssuePage(store, pages))),
        page("/pull/{number}", here(PullPage(store, world.git, pages))),
        page("/commit/{sha}", here(CommitPage(store, world.git, pages))),
        Route("/{path:path}", missing, methods=["GET"]),
    ]
