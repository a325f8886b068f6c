"""Why `/health` says degraded: parts that are configured or there, and broken."""
