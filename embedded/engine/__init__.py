"""Local processes behind the Docker Engine API: what a fleet without Docker has instead of dockerd."""
