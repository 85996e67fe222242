"""What the pipeline does on GitHub: releases, back-merge pull requests and commit statuses, through one small client."""

from ci.github.access import Token
from ci.github.client import GitHub
from ci.github.errors import GitHubError

__all__ = ["GitHub", "GitHubError", "Token"]
