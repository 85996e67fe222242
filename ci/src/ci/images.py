"""Every image and every tool that the pipeline names, once."""

from typing import Final

PYTHON: Final = "python:3.13-slim"
"""Where the stages run; the service's Dockerfile starts from the same image."""

POSTGRES: Final = "postgres:17"
REDIS: Final = "redis:8"

TRIVY: Final = "aquasec/trivy:0.69.3"
"""Only its program is taken, which needs nothing of the image around it."""

GIT: Final = "git=1:2.*"
"""From the distribution of the Python image."""

GITLEAKS: Final = "gitleaks=8.16.*"
"""Looks for secrets; from the distribution of the Python image."""

SKOPEO: Final = "skopeo=1.18.*"
"""Speaks to registries; from the distribution of the Python image."""

OASDIFF: Final = "github.com/oasdiff/oasdiff@v1.18.1"
"""From the Go module proxy, which keeps the checksum of every version."""

UV: Final = "uv==0.13.9"
"""From the package index, not from an image that one registry has."""

ACTIONLINT: Final = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
"""As Go names it: built from the sources that its module mirror has."""
