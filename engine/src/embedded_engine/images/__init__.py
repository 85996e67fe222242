"""Images: their names, configurations, registries, Debian recipes, Dockerfiles and layouts on disk."""
