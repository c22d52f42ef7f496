"""One file per symptom. `DETECTORS` in agents/scout/judge.py lists them."""
