"""A small web server in a container, and a client for it, for programs of the conformance suite."""

import asyncio
import urllib.request

import dagger

SERVER = (
    "import http.server, os, sys\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers()\n"
    "        self.wfile.write(os.environ.get('ANSWER', 'hello').encode())\n"
    "    def log_message(self, *args): pass\n"
    "http.server.ThreadingHTTPServer(('', int(sys.argv[1])), Handler).serve_forever()\n"
)
FETCH = (
    "import sys, urllib.request as u; "
    "print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=30).read().decode())"
)
"""Prints what a URL answers, past any proxy that the engine gives to containers."""


def server(container: dagger.Container, port: int = 8000) -> dagger.Container:
    """A container whose default command answers on a port."""
    served = container.with_new_file("/server.py", SERVER).with_exposed_port(port)
    return served.with_default_args(["python3", "/server.py", str(port)])


async def fetch(container: dagger.Container, url: str) -> str:
    """What a URL answers to a command in the container."""
    return (await container.with_exec(["python3", "-c", FETCH, url]).stdout()).strip()


async def fetch_here(url: str) -> bytes:
    """What a URL answers to this machine, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read() -> bytes:
        with opener.open(url, timeout=30) as answer:
            return bytes(answer.read())

    return await asyncio.to_thread(read)
