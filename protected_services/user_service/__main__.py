"""`python -m protected_services.user_service`."""

from protected_services.common.serving import run
from protected_services.user_service.app import build

run("user-service", build)
