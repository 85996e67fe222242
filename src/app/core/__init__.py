"""What the service knows, free of web framework, database and cache: they depend on it, never the reverse."""
