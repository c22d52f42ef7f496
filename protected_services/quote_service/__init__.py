"""quote-service: prices an application and turns an accepted quote into a policy."""
