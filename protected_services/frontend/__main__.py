"""`python -m protected_services.frontend`."""

from protected_services.common.serving import run
from protected_services.frontend.app import build

run("frontend", build)
