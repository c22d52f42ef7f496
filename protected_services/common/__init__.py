"""What every marketplace service is built from: settings, serving, tracing, metrics, events, calls and faults."""
