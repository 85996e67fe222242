"""Prints the OpenAPI document of an application: `python write_openapi.py app.main:app`.

The version is left out: a release alone changes nothing of what clients see.
"""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    document = getattr(import_module(module), name).openapi()
    document["info"]["version"] = ""
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
