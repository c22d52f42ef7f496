"""`python -m protected_services.policy_service`."""

from protected_services.common.serving import run
from protected_services.policy_service.app import build

run("policy-service", build)
