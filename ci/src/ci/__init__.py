"""The pipeline as Dagger functions; `Ci` in `main.py` is its table of contents."""

from ci.main import Ci

__all__ = ["Ci"]
