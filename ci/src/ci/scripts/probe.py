"""Smoke test of a running service, from outside, as a client sees it.

Usage: python probe.py SERVICE ATTENDANT [--seconds=60] [--leave-running]
Both are URLs; ATTENDANT is attend.py beside the service. Waits for /health and /ready, creates an item and reads it, then
has the service stopped by SIGTERM and sees that it is gone; where it is left running the item is deleted instead. Prints
a line per step, at the end the service's log; exits 1 at the first step that fails, in bounded time.
"""

import argparse
import json
import sys
import time
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS_TO_START = 60.0
SECONDS_PER_REQUEST = 5.0
SECONDS_TO_STOP = 30.0
PAUSE = 0.1
TERMINATED = (0, -15)
"""A server that obeys SIGTERM returns 0, or finishes its work and then ends by the signal."""

ITEM = {"name": "smoke test", "description": "made by the smoke test", "price": "12.50"}


class StepFailed(Exception):  # noqa: N818 - "step failed" is the statement
    """A step did not go as it should."""


def request(method: str, url: str, body: object = None, timeout: float = SECONDS_PER_REQUEST) -> tuple[int, str]:
    """Send one request; returns status and text whatever the status. Raises OSError when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    # Whatever version an item has is the one that is meant.
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    prepared = Request(url, data=data, method=method, headers=headers)  # noqa: S310 - http
    try:
        with urlopen(prepared, timeout=timeout) as answer:  # noqa: S310 - the URL is the caller's own, http
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def wait_for(url: str, seconds: float) -> None:
    """Poll until the URL answers 200; the error says what the last answer was."""
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        try:
            status, text = request("GET", url)
        except OSError as error:
            last = str(error)
        else:
            if status == HTTPStatus.OK:
                return
            last = f"{status} {text}"
        time.sleep(PAUSE)
    raise StepFailed(f"{url} did not answer 200 within {seconds:g} s; last: {last}")


def expect(method: str, url: str, status: int, body: object = None) -> Any:
    """Send one request that must be answered with this status; returns the JSON of the answer."""
    got, text = request(method, url, body)
    if got != status:
        raise StepFailed(f"{method} {url} answered {got}, not {status}: {text}")
    return json.loads(text) if text else None


def create_and_read(service: str) -> str:
    """Create one item, and read the same one back; returns its URL."""
    created = expect("POST", f"{service}/api/v1/items", HTTPStatus.CREATED, ITEM)
    url = f"{service}/api/v1/items/{created['id']}"
    read = expect("GET", url, HTTPStatus.OK)
    if read != created or read["name"] != ITEM["name"]:
        raise StepFailed(f"the item was created as {created} and read as {read}")
    return url


def stop(service: str, attendant: str) -> str:
    """Have the service stopped by SIGTERM, see that it obeyed and is gone; returns its log."""
    status, text = request("POST", f"{attendant}/terminate", timeout=SECONDS_TO_STOP)
    if status != HTTPStatus.OK:
        raise StepFailed(f"the attendant answered {status}: {text}")
    answer = json.loads(text)
    if answer["exit_code"] not in TERMINATED:
        raise StepFailed(f"after SIGTERM the exit code was {answer['exit_code']}, after {answer['seconds']} s")
    try:
        request("GET", f"{service}/health")
    except URLError:
        return str(answer["log"])
    raise StepFailed("the service still answers after it was stopped")


def log_of(attendant: str) -> str:
    """Return the service's log, as far as it can be had."""
    try:
        return request("GET", f"{attendant}/log")[1]
    except OSError as error:
        return f"(not to be had: {error})"


def main(service: str, attendant: str, seconds: float = SECONDS_TO_START, *, leave_running: bool = False) -> int:
    """Take the steps in order; the exit code is the verdict."""
    log = item = ""

    def use() -> None:
        nonlocal item
        item = create_and_read(service)

    def stopped() -> None:
        nonlocal log
        log = stop(service, attendant)

    steps = {
        "/health answers": lambda: wait_for(f"{service}/health", seconds),
        "/ready answers": lambda: wait_for(f"{service}/ready", seconds),
        "an item is created and read": use,
    }
    if leave_running:
        # Its data lasts, so nothing is left in it.
        steps["the item is deleted"] = lambda: expect("DELETE", item, HTTPStatus.NO_CONTENT)
    else:
        steps["SIGTERM is obeyed"] = stopped
    verdict = 0
    for step, take in steps.items():
        started = time.monotonic()
        try:
            take()
        except (StepFailed, OSError, HTTPException, ValueError, LookupError, TypeError) as error:
            print(f"FAIL  {step}: {error}")
            verdict = 1
            break
        print(f"ok    {step} ({time.monotonic() - started:.2f} s)")
    print(f"--- the service's log\n{(log or log_of(attendant)).rstrip()}")
    return verdict


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    parser.add_argument("attendant")
    parser.add_argument("--seconds", type=float, default=SECONDS_TO_START)
    parser.add_argument("--leave-running", action="store_true")
    sys.exit(main(**vars(parser.parse_args())))
