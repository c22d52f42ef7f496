"""`python -m protected_services.quote_service`."""

from protected_services.common.serving import run
from protected_services.quote_service.app import build

run("quote-service", build)
