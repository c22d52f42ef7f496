"""A trace store on one machine: OTLP/HTTP in, Jaeger's two query APIs and a page that draws a trace out."""
