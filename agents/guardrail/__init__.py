"""Guardrail: rules by policy on each directive, and takes people's commands, each checked live."""
