"""What GitHub's refusals mean, in one line that says what to do."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from ci.errors import PipelineError

LONGEST_MESSAGE: Final = 400
"""Characters of GitHub's own words that a message repeats."""

# A fine-grained token names what it lacks in a header; for others the path tells.
_PERMISSIONS: Final[Mapping[str, str]] = {
    "releases": "contents: write",
    "git": "contents: write",
    "compare": "contents: read",
    "pulls": "pull-requests: write",
    "statuses": "statuses: write",
    "commits": "statuses: read",
}


class GitHubError(PipelineError):
    """GitHub did not do what was asked; `status` is its answer's, None when there was none."""

    def __init__(self, message: str, status: int | None = None, errors: tuple[Mapping[str, Any], ...] = ()) -> None:
        super().__init__(one_line(message))
        self.status = status
        self.errors = errors

    def says(self, code: str) -> bool:
        """Whether one of GitHub's own errors has this code, or these words in its message."""
        return any(code == error.get("code") or code in str(error.get("message", "")) for error in self.errors)


class UncertainError(GitHubError):
    """Something may have been made although no answer says so: look before it is made again."""


def one_line(text: str) -> str:
    """Put text of unknown origin on one line, without control characters.

    >>> one_line("Validation\\r\\n  Failed \\x1b[31m")
    'Validation Failed [31m'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def refusal(request: httpx.Request, response: httpx.Response) -> GitHubError:
    """Say what GitHub answered, and what a person can do about it."""
    message, errors = _told(response)
    text = f"GitHub answered {response.status_code} to {request.method} {request.url.path}: {message}"
    remedy = _remedy(request, response)
    return GitHubError(f"{text}; {remedy}" if remedy else text, response.status_code, errors)


def _told(response: httpx.Response) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return response.reason_phrase, ()
    details = body.get("errors")
    listed = details if isinstance(details, list) else [details] if details else []
    errors = tuple(each if isinstance(each, dict) else {"message": str(each)} for each in listed)
    parts = [str(body.get("message") or response.reason_phrase), *(_describe(error) for error in errors)]
    return one_line("; ".join(parts))[:LONGEST_MESSAGE], errors


def _describe(error: Mapping[str, Any]) -> str:
    if error.get("message"):
        return str(error["message"])
    return " ".join(str(error[name]) for name in ("resource", "field", "code") if error.get(name))


def _remedy(request: httpx.Request, response: httpx.Response) -> str:
    match response.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return "the token is wrong, expired or revoked: give a valid one"
        case HTTPStatus.FORBIDDEN:
            return f"the token needs the permission {_permission(request, response)}"
        case HTTPStatus.NOT_FOUND:
            return "check its name, and that the token may see the repository (for a private one 404 means either)"
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "GitHub is in trouble: run this again later; what is done already is not done twice"
    return ""


def _permission(request: httpx.Request, response: httpx.Response) -> str:
    accepted = response.headers.get("x-accepted-github-permissions", "")
    if accepted:
        return one_line(accepted).replace("=", ": ").replace("_", "-")
    parts = request.url.path.split("/")
    found = next((_PERMISSIONS[part] for part in parts if part in _PERMISSIONS), "to write to the repository")
    if found.startswith("pull-requests"):
        return f"{found} (and Actions must be allowed to create pull requests, in the repository's settings)"
    return found
