"""The client against a server that misbehaves: what is repeated, what is said, and where the token goes."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ci.errors import PipelineError
from ci.github import GitHub, GitHubError, client
from ci.github.client import Api
from ci.github.errors import UncertainError
from ci.github.retries import Patience, asked_pause, is_rate_limit
from github_server import REPOSITORY, TOKEN, GitHubServer

WithToken = Callable[[str], GitHub]


async def read(github: GitHub) -> Any:
    """Read the branch main."""
    async with github.open() as api:
        return await api.get("git/ref/heads/main")


async def create(github: GitHub, made: dict[str, Any] | None = None) -> Any:
    """Make a branch; `made` is what a look finds when it is not known whether it was made."""

    async def look() -> dict[str, Any] | None:
        return made

    async with github.open() as api:
        sha = (await api.get("git/ref/heads/main"))["object"]["sha"]
        return await api.create("git/refs", {"ref": "refs/heads/new", "sha": sha}, look)


async def test_a_request_says_who_asks_and_which_version(server: GitHubServer, github: GitHub) -> None:
    """The token, the API's version and a user agent are in the headers; nothing of it is in the URL."""
    assert (await read(github))["ref"] == "refs/heads/main"
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["x-github-api-version"] == "2022-11-28"
    assert request.headers["user-agent"] == "ci"
    assert TOKEN not in request.path


async def test_the_token_is_shown_nowhere(
    server: GitHubServer, github: GitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what is printed of the client, nor its log, nor an error holds the token."""
    caplog.set_level(logging.DEBUG)
    server.fail("GET", status=500, times=9)
    with pytest.raises(GitHubError) as failure:
        await read(github)
    chain, texts = failure.value.__context__, [repr(github), str(github), caplog.text, repr(failure.value)]
    assert failure.value.__cause__ is None
    assert TOKEN not in " ".join([*texts, str(chain)])


@pytest.mark.parametrize("token", ["", "  \n", "two words", "line\nbreak", "gehe\u00edm"])
async def test_a_token_that_no_header_takes_is_refused_unseen(
    token: str, with_token: WithToken, server: GitHubServer
) -> None:
    """It is refused before anything is sent, in words that do not repeat it."""
    with pytest.raises(PipelineError, match="the token is empty or has blanks") as failure:
        await read(with_token(token))
    assert not token.strip() or token not in str(failure.value)
    assert server.requests == []


async def test_a_line_break_after_the_token_does_no_harm(with_token: WithToken) -> None:
    """Files end with one."""
    assert await read(with_token(f"{TOKEN}\n"))


async def test_the_environments_proxy_is_not_used(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would be given the token's connection."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await read(github)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.github.com",
        "ftp://127.0.0.1",
        "",
        "api.github.com",
        "https://me:secret@github.example/api/v3",
        "https://",
    ],
)
async def test_a_url_that_a_token_must_not_go_to_is_refused(url: str, github: GitHub) -> None:
    """A token travels encrypted, or stays on this machine; a login in the URL is not repeated."""
    with pytest.raises(PipelineError, match="the API's URL is refused") as failure:
        await read(replace(github, api_url=url))
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("repository", ["items", "acme/items/more", "../..", "acme/..", "acme/it ems", ""])
async def test_a_repository_that_is_none_is_refused(repository: str, github: GitHub) -> None:
    """A path is made of it, so nothing but owner/name will do."""
    with pytest.raises(PipelineError, match="owner/name"):
        await read(replace(github, repository=repository))


async def test_the_path_of_an_enterprise_server_is_kept(server: GitHubServer, github: GitHub) -> None:
    """Its API is below /api/v3."""
    with pytest.raises(GitHubError):
        await read(replace(github, api_url=f"{server.url}/api/v3/"))
    assert server.requests[0].path == f"/api/v3/repos/{REPOSITORY}/git/ref/heads/main"


# --- Redirects


async def test_a_redirect_on_the_same_host_is_followed(server: GitHubServer, github: GitHub) -> None:
    """A repository that was renamed is found."""
    server.fail("heads/main", status=301, headers={"Location": f"/repos/{REPOSITORY}/git/ref/heads/develop"})
    assert (await read(github))["ref"] == "refs/heads/develop"


async def test_a_redirect_to_another_host_is_not_followed(server: GitHubServer, github: GitHub) -> None:
    """The other host hears nothing, and so gets no token."""
    with GitHubServer().running() as other:
        server.fail(
            "heads/main", status=302, headers={"Location": f"{other.url}/repos/{REPOSITORY}/git/ref/heads/main"}
        )
        with pytest.raises(GitHubError, match="redirected to another host"):
            await read(github)
        assert other.requests == []


async def test_a_change_that_would_become_a_read_is_not_followed(server: GitHubServer, github: GitHub) -> None:
    """A redirect that drops the body asks for the repository's new name."""
    server.fail("POST", status=301, headers={"Location": f"/repos/{REPOSITORY}/releases"})
    with pytest.raises(GitHubError, match="has moved on GitHub"):
        await create(github)


async def test_redirects_in_a_circle_end(server: GitHubServer, github: GitHub) -> None:
    """Five are followed."""
    server.fail("GET", status=302, times=99, headers={"Location": f"/repos/{REPOSITORY}/git/ref/heads/main"})
    with pytest.raises(GitHubError, match="redirected more than 5 times"):
        await read(github)


# --- Pages


async def test_a_list_is_read_to_its_end(server: GitHubServer, github: GitHub) -> None:
    """The next page is where the answer's Link header says."""
    server.page_size = 2
    for number in range(5):
        server.state.releases.append({"id": number + 1, "draft": False, "tag_name": f"v{number}.0.0"})
    async with github.open() as api:
        assert [each["id"] async for each in api.pages("releases")] == [5, 4, 3, 2, 1]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/page2", "//elsewhere.example/page2", "http://[", "javascript:1"]
)
async def test_a_next_page_on_another_host_is_refused(link: str, server: GitHubServer, github: GitHub) -> None:
    """A page's address comes from outside like any other."""
    server.fail("GET", status=200, headers={"Link": f'<{link}>; rel="next"'}, body=b"[]")
    async with github.open() as api:
        with pytest.raises(GitHubError, match=r"is refused|no URL"):
            _ = [each async for each in api.pages("releases")]


async def test_pages_without_end_end(server: GitHubServer, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends is not read for ever."""
    monkeypatch.setattr(client, "MOST_PAGES", 3)
    server.fail("GET", status=200, times=999, headers={"Link": '</again>; rel="next"'}, body=b"[]")
    async with github.open() as api:
        with pytest.raises(GitHubError, match="more than 3 pages"):
            _ = [each async for each in api.pages("releases")]


# --- Repetitions


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_read_is_repeated_when_github_is_in_trouble(status: int, server: GitHubServer, github: GitHub) -> None:
    """Twice in trouble, then well."""
    server.fail("GET", status=status, times=2)
    assert await read(github)
    assert len(server.requests) == 3


async def test_a_broken_connection_is_tried_again(server: GitHubServer, github: GitHub) -> None:
    """A read leaves nothing behind."""
    server.fail("GET", drop=True, times=2)
    assert await read(github)


async def test_trouble_that_stays_is_said(server: GitHubServer, github: GitHub) -> None:
    """After the last attempt the answer is told."""
    server.fail("GET", status=503, times=99)
    with pytest.raises(GitHubError, match=r"answered 503 to GET .*GitHub is in trouble") as failure:
        await read(github)
    assert failure.value.status == 503
    assert len(server.requests) == 4


async def test_a_server_that_is_not_there_is_said(github: GitHub) -> None:
    """One line names it."""
    with pytest.raises(
        GitHubError, match=r"could not be asked \(GET http://127.0.0.1:9/.*run this again later"
    ) as failure:
        await read(replace(github, api_url="http://127.0.0.1:9"))
    assert "\n" not in str(failure.value)


async def test_a_server_that_does_not_answer_is_given_up(server: GitHubServer, github: GitHub) -> None:
    """Each request is bounded, and so are its repetitions together."""
    server.fail("GET", seconds=60.0, times=99)
    started = time.monotonic()
    patience = replace(github.patience, request=0.1, whole=0.3, attempts=99)
    with pytest.raises(GitHubError, match=r"no answer within 0\.3 s"):
        await read(replace(github, patience=patience))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(429, {"Retry-After": "0"}, b"{}", id="429 with Retry-After"),
        pytest.param(403, {"Retry-After": "0"}, b"{}", id="403 with Retry-After"),
        pytest.param(403, {}, b'{"message": "You have exceeded a secondary rate limit"}', id="403 that says so"),
        pytest.param(
            403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}, b"{}", id="403 that counts to zero"
        ),
        pytest.param(429, {"Retry-After": "soon"}, b"{}", id="429 with a time that is none"),
    ],
)
async def test_a_rate_limit_is_waited_for(
    status: int, headers: dict[str, str], body: bytes, server: GitHubServer, github: GitHub
) -> None:
    """Even a creation is sent again, because nothing was carried out."""
    server.fail("POST", status=status, headers=headers, body=body)
    assert (await create(github))["ref"] == "refs/heads/new"


async def test_a_rate_limit_that_lasts_is_not_waited_for(server: GitHubServer, github: GitHub) -> None:
    """The message says for how long."""
    server.fail("GET", status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(time.time() + 1800)})
    with pytest.raises(GitHubError, match=r"rate limit is used up for another 1[78]\d\d s"):
        await read(github)
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "broken connection"])
@pytest.mark.parametrize("after", [True, False], ids=["made", "not made"])
async def test_what_may_have_been_made_is_looked_for_before_it_is_made_again(
    after: bool, fault: dict[str, Any], server: GitHubServer, github: GitHub
) -> None:
    """One creation in the end, whether the first was carried out or not."""
    server.fail("POST", after=after, **fault)
    made = {"ref": "found"} if after else None
    assert (await create(github, made))["ref"] == ("found" if after else "refs/heads/new")
    assert len(server.writes) == (1 if after else 2)


async def test_a_creation_that_stays_uncertain_says_so(server: GitHubServer, github: GitHub) -> None:
    """After the last attempt nobody knows."""
    server.fail("POST", status=502, times=99)
    with pytest.raises(UncertainError, match="answered 502 to POST"):
        await create(github)
    assert len(server.writes) == 4


# --- Refusals


async def test_a_wrong_token_is_said(with_token: WithToken) -> None:
    """401: the token."""
    with pytest.raises(GitHubError, match=r"answered 401 .*Bad credentials; the token is wrong, expired or revoked"):
        await read(with_token("other"))


async def test_a_missing_permission_is_named(server: GitHubServer, github: GitHub) -> None:
    """403: what the token lacks, by GitHub's own header."""
    server.permissions[TOKEN] = set()
    with pytest.raises(
        GitHubError, match=r"403 .*not accessible by integration; the token needs the permission contents: write"
    ):
        await create(github)


async def test_a_missing_permission_is_told_from_the_path_else(server: GitHubServer, github: GitHub) -> None:
    """Other tokens get no such header."""
    server.fail("POST", status=403, body=b'{"message": "Must have push access"}')
    with pytest.raises(GitHubError, match="needs the permission contents: write"):
        await create(github)


async def test_what_is_not_there_is_said(server: GitHubServer, github: GitHub) -> None:
    """404 means either."""
    with pytest.raises(GitHubError, match=r"404 .*check its name, and that the token may see the repository"):
        await read(replace(github, repository="acme/other"))


async def test_the_errors_of_a_refusal_are_told_on_one_line(server: GitHubServer, github: GitHub) -> None:
    """422 comes with reasons, which can be words or codes; their control characters are left out."""
    errors = b'{"message": "Validation\\nFailed", "errors": ["plain\\u001b[31m", {"resource": "Ref", "field": "sha", "code": "invalid"}]}'
    server.fail("POST", status=422, body=errors)
    with pytest.raises(GitHubError) as failure:
        await create(github)
    assert str(failure.value).endswith("Validation Failed; plain [31m; Ref sha invalid")


async def test_a_refusal_of_any_length_stays_short(server: GitHubServer, github: GitHub) -> None:
    """A message of a megabyte is cut."""
    server.fail("GET", status=400, body=b'{"message": "' + b"x" * 1_000_000 + b'"}')
    with pytest.raises(GitHubError) as failure:
        await read(github)
    assert len(str(failure.value)) < 600


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1", b"\xff"])
async def test_an_answer_that_is_no_json_is_said(body: bytes, server: GitHubServer, github: GitHub) -> None:
    """A proxy's page, for instance."""
    server.fail("GET", status=200, body=body)
    with pytest.raises(GitHubError, match="no JSON: is the API's URL right"):
        await read(github)
    server.fail("GET", status=400, body=body)
    with pytest.raises(GitHubError, match=r"answered 400 .*Bad Request"):
        await read(github)


async def test_what_is_gone_already_is_deleted(server: GitHubServer, github: GitHub) -> None:
    """Two runs may clean up at once."""
    async with github.open() as api:
        await api.delete("releases/17")
    assert server.writes == ["DELETE releases/17"]


# --- Times


def answer(status: int, headers: dict[str, str]) -> httpx.Response:
    """An answer with nothing in it."""
    return httpx.Response(status, headers=headers)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1005"}, 6.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}, 1.0),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "1005"}, None),
        ({}, None),
    ],
)
def test_how_long_github_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """By Retry-After, else by the time at which the count begins anew."""
    assert asked_pause(answer(403, headers), now=1000.0) == seconds


def test_a_refusal_is_no_rate_limit() -> None:
    """403 without a sign is a missing permission."""
    assert not is_rate_limit(answer(403, {"X-RateLimit-Remaining": "10"}))
    assert not is_rate_limit(answer(404, {"Retry-After": "1"}))


def test_pauses_grow_and_are_bounded() -> None:
    """They double up to a limit."""
    patience = Patience(first_pause=1.0, limited=4.0, longest_pause=5.0)
    assert [patience.pause(attempt) for attempt in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
    assert [patience.limited_pause(attempt) for attempt in (1, 2)] == [4.0, 5.0]


async def test_the_owner_is_told_from_the_repository(github: GitHub) -> None:
    """Pull requests are looked for by the owner of their head."""
    async with github.open() as api:
        assert isinstance(api, Api)
        assert api.owner == "acme"
