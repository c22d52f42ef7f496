"""policy-service: underwrites and keeps the policies."""
