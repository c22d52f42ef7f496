"""Escalation: turns a person's `jules-fix` label into an escalation with the brief the next reader needs."""
