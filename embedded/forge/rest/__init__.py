"""GitHub's REST v3 on the wire: what is asked, what is answered, in GitHub's shapes."""
