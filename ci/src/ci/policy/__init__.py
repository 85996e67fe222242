"""Decisions of the pipeline as pure functions and tables: they read no environment, reach no engine, do no I/O."""
