"""`rca` and `bench rca`: root cause analysis without a fleet."""
