"""The items service: FastAPI over PostgreSQL and Redis."""
