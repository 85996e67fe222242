"""How fast the engine is on this machine, and how its figures grow with size: `python -m embedded_engine.bench`."""
