"""Modules as part of the API: their types in the schema, their functions as fields, a client that knows them."""
