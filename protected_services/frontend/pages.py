"""The HTML of the marketplace: templates that escape everything, and headers that allow no script at all."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from protected_services.common.application import COVERS, PRODUCTS

FOLDER = Path(__file__).parent
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
STATIC_TYPES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
EMPTY_FORM = {"name": "", "age": "", "postcode": "", "claims": "0", "product": "home", "cover": "plus"}


class Pages:
    """Renders `templates/NAME.html`. An undefined placeholder is an error. `yearly_price`: quotes say it too."""

    def __init__(self, *, yearly_price: bool = False) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["euros"] = lambda cents: f"{cents // 100}.{cents % 100:02d}"
        self._templates.globals |= {"products": PRODUCTS, "covers": COVERS, "yearly_price": yearly_price}
        self._static = {name: (FOLDER / "static" / name).read_bytes() for name in STATIC_TYPES}

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page with its security headers."""
        return HTMLResponse(self._templates.get_template(f"{name}.html").render(**values), status, HEADERS)

    def static(self, name: str) -> Response | None:
        """A style sheet or picture, or None."""
        if name not in self._static:
            return None
        headers = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}
        return Response(self._static[name], media_type=STATIC_TYPES[name], headers=headers)
