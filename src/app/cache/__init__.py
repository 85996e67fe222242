"""Redis, which the service is faster with and serves without."""
