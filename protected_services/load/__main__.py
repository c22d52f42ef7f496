"""`python -m protected_services.load`."""

from protected_services.common.serving import run
from protected_services.load.app import build

run("load", build)
