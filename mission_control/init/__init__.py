"""`init`: brings somebody's own repository and services under the fleet's eyes, as one pull request."""
