"""`python -m embedded_engine.cli`."""

from embedded_engine.cli import main

main()
