"""The dashboard's server: what the logs and the stream say, shaped for people, over HTTP and server-sent events."""
