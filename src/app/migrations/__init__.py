"""The history of the database's schema: `alembic upgrade head` runs it, also from the image."""
