"""What a container is given of the host, and how answers of runtimes are read; no container is needed for these."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.sandbox import ContainerSpec, Exit, Overlay, SandboxError, StartError, programs
from embedded_engine.sandbox.bundle import DEFAULT_CAPABILITIES, Placement, configuration
from embedded_engine.sandbox.host_settings import HostSettings
from embedded_engine.sandbox.names import hosts_file, resolver_file
from embedded_engine.sandbox.outcome import exit_of
from embedded_engine.sandbox.runtime import Runtime, candidates, remember, remembered
from embedded_engine.sandbox.seccomp import seccomp_filter

NOTHING: tuple[Path, ...] = ()
CERTIFICATES = HostSettings.CERTIFICATES


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, {}, id="a host without settings gives nothing"),
        pytest.param(
            {"https_proxy": "http://proxy:3128"},
            {
                "HTTPS_PROXY": "http://proxy:3128",
                "https_proxy": "http://proxy:3128",
                "NO_PROXY": "localhost,127.0.0.1,db",
                "no_proxy": "localhost,127.0.0.1,db",
            },
            id="a proxy is given in both cases, and not for the session's own names",
        ),
        pytest.param(
            {
                "PIP_INDEX_URL": "https://me:secret@localhost:8443/simple",
                "UV_DEFAULT_INDEX": "https://index.test/simple",
            },
            {
                "PIP_INDEX_URL": "https://me:secret@10.87.0.1:8443/simple",
                "PIP_TRUSTED_HOST": "10.87.0.1",
                "UV_DEFAULT_INDEX": "https://index.test/simple",
            },
            id="an index on the host's loopback is rewritten, another is not",
        ),
        pytest.param({"SSL_CERT_FILE": "/nonexistent/ca.crt"}, {}, id="a bundle that does not exist is not given"),
    ],
)
def test_settings_of_a_host(environ: dict[str, str], expected: dict[str, str]) -> None:
    """A container's variables follow from the host's."""
    settings = HostSettings.read(environ, pip_files=NOTHING)
    assert dict(settings.environment((), own_names=("db",))) == expected


def test_ports_of_loopback_addresses_are_forwarded() -> None:
    """Each port that a rewritten address names is one to forward, the scheme's own when it names none."""
    environ = {"HTTP_PROXY": "http://127.0.0.1:3128", "PIP_INDEX_URL": "http://localhost/simple", "GOPROXY": "off"}
    assert HostSettings.read(environ, pip_files=NOTHING).forwarded_ports == {3128, 80}


def test_a_container_keeps_its_own_settings() -> None:
    """What a container sets is not replaced; a proxy that it sets in one case it has in both."""
    settings = HostSettings.read({"HTTP_PROXY": "http://host:1", "NO_PROXY": "x"}, pip_files=NOTHING)
    env = dict(settings.environment((("http_proxy", "http://mine:2"), ("NO_PROXY", "y"))))
    assert env == {"http_proxy": "http://mine:2", "HTTP_PROXY": "http://mine:2", "NO_PROXY": "y", "no_proxy": "y"}


def test_logins_of_the_host_are_secrets() -> None:
    """The passwords in addresses, and tokens that stand for a user, as they are written and as they are meant."""
    environ = {
        "HTTPS_PROXY": "http://me:p%40ss@proxy:3128",
        "UV_INDEX": "main=https://t0ken@host/simple https://host/simple",
        "GOPROXY": "https://u:g0@go.test,direct",
    }
    assert HostSettings.read(environ, pip_files=NOTHING).secrets == {b"p%40ss", b"p@ss", b"t0ken", b"g0"}


def test_the_hosts_ca_bundle(tmp_path: Path) -> None:
    """Any of the usual variables names the bundle, and all of them point to it in the container."""
    (tmp_path / "ca.crt").write_text("x")
    settings = HostSettings.read({"CURL_CA_BUNDLE": str(tmp_path / "ca.crt")}, pip_files=NOTHING)
    assert settings.certificates == tmp_path / "ca.crt"
    assert {"SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"} <= {
        name for name, path in settings.variables if path == CERTIFICATES
    }


def test_indexes_of_pip_configuration_files(tmp_path: Path) -> None:
    """What pip's configuration names is given unless a variable says otherwise; a broken file is ignored."""
    good, broken = tmp_path / "pip.conf", tmp_path / "broken.conf"
    good.write_text(
        "[global]\nindex-url = https://a.test/simple\nextra-index-url =\n  https://b.test\n  https://c.test\n"
    )
    broken.write_text("no section")
    settings = HostSettings.read({"PIP_INDEX_URL": "https://other.test"}, pip_files=(good, tmp_path / "missing"))
    assert dict(settings.variables) == {
        "PIP_INDEX_URL": "https://other.test",
        "PIP_EXTRA_INDEX_URL": "https://b.test https://c.test",
    }
    assert HostSettings.read({}, pip_files=(broken,)).variables == ()


def test_hosts_file() -> None:
    """The container's own name comes first, then a line for each address."""
    assert hosts_file("me", (("10.87.1.2", ("db", "service-1")), ("10.87.1.3", ()))) == (
        b"127.0.0.1\tlocalhost me\n::1\tlocalhost ip6-localhost ip6-loopback\n10.87.1.2\tdb service-1\n"
    )


def test_resolver_file(tmp_path: Path) -> None:
    """Search domains and options are the host's, the name server is the network's."""
    (tmp_path / "resolv.conf").write_text("# x\nnameserver 127.0.0.53\nsearch corp.test\noptions edns0\n\n")
    assert resolver_file(tmp_path / "resolv.conf") == b"nameserver 10.87.0.3\nsearch corp.test\noptions edns0\n"
    assert resolver_file(tmp_path / "missing") == b"nameserver 10.87.0.3\n"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"status": 3, "seconds": 1.0}, Exit(3, None, False, 1.0)),
        ({"status": -9, "seconds": 1.0, "oom_killed": True}, Exit(137, "SIGKILL", True, 1.0)),
        ({"status": -35, "seconds": 1.0}, Exit(163, "SIGNAL 35", False, 1.0)),
    ],
    ids=["an exit code", "killed for want of memory", "a signal without a name"],
)
def test_exits(outcome: dict[str, Any], expected: Exit) -> None:
    """What the kernel says of an end becomes an Exit."""
    assert exit_of(outcome) == expected


def _log(message: str) -> bytes:
    return json.dumps({"level": "error", "msg": message}).encode()


@pytest.mark.parametrize(
    ("outcome", "error", "text"),
    [
        (
            {
                "failed": "",
                "log": _log('runc run failed: unable to start container process: exec: "x": permission denied'),
            },
            StartError,
            'exec: "x": permission denied',
        ),
        (
            {"failed": "", "log": _log("executable file `x` not found in $PATH: No such file or directory")},
            StartError,
            'exec: "x": executable file not found in $PATH',
        ),
        (
            {"failed": "", "log": _log("executable file `/opt/x` not found: No such file or directory")},
            StartError,
            'exec: "/opt/x": stat /opt/x: no such file or directory',
        ),
        (
            {"failed": "", "log": _log("runc run failed: unable to apply cgroup configuration: mkdir: read-only\nfs")},
            SandboxError,
            "sandbox: unable to apply cgroup configuration: mkdir: read-only fs",
        ),
        ({"failed": "", "log": b""}, SandboxError, "sandbox: the OCI runtime failed without a word"),
        (
            {"status": 127, "seconds": 0.1, "init": b"[FATAL tini (7)] exec ./x failed: Permission denied\n"},
            StartError,
            "fork/exec ./x: permission denied",
        ),
    ],
    ids=[
        "runc and the program",
        "crun and the program",
        "a newer crun and the program",
        "the machine",
        "nothing said",
        "the init and the program",
    ],
)
def test_failures(outcome: dict[str, Any], error: type[SandboxError], text: str) -> None:
    """A program that cannot be started is told from a sandbox that fails, each in one line."""
    with pytest.raises(SandboxError) as caught:
        exit_of(outcome)
    assert (type(caught.value), str(caught.value)) == (error, text)


def test_the_seccomp_profile_depends_on_capabilities(tmp_path: Path) -> None:
    """Rules that a capability includes or excludes are there, or not, by what the container may do."""
    profile = tmp_path / "seccomp.json"
    rules = [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": None, "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["other"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["none"]}},
    ]
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}))
    found = {}
    for name, held in (("plain", frozenset[str]()), ("admin", frozenset({"CAP_SYS_ADMIN"}))):
        section = seccomp_filter(held, profile)
        assert section is not None
        found[name] = [(rule["names"][0], rule["action"][9:]) for rule in section["syscalls"]]
    assert found == {"plain": [("read", "ALLOW"), ("mount", "ERRNO")], "admin": [("read", "ALLOW"), ("mount", "ALLOW")]}
    assert seccomp_filter(frozenset(), tmp_path / "missing") is None


def test_the_configuration_of_a_container(tmp_path: Path) -> None:
    """Containerd's capabilities, new privileges allowed, the network namespace that was made for it."""
    spec = ContainerSpec("x", Overlay(()), ("true",), tmp_path, tmp_path, uid=5, gid=6, groups=(7,), memory=1 << 20)
    config = json.loads(configuration(spec, Placement("/root", "/net", "/group")))
    assert set(config["process"]["capabilities"]["bounding"]) <= DEFAULT_CAPABILITIES
    assert config["process"]["noNewPrivileges"] is False
    assert config["process"]["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 7]}
    assert {"type": "network", "path": "/net"} in config["linux"]["namespaces"]
    assert config["linux"]["resources"]["memory"] == {"limit": 1 << 20}
    alone = json.loads(configuration(spec, Placement("/root", None, None)))
    assert {"type": "network"} in alone["linux"]["namespaces"]
    assert "cgroupsPath" not in alone["linux"]


def test_a_variable_with_a_null_byte(tmp_path: Path) -> None:
    """It is refused by its name: its value may be a secret's, and the runtime would print it."""
    spec = ContainerSpec("x", Overlay(()), ("true",), tmp_path, tmp_path, env=(("TOKEN", "hunter2\0"),))
    with pytest.raises(SandboxError, match="the environment variable TOKEN cannot hold a null byte") as caught:
        configuration(spec, Placement("/root", None, None))
    assert "hunter2" not in str(caught.value)


def test_a_machine_without_a_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in one line how to get one; a wanted runtime that is not there is named."""
    monkeypatch.setattr(programs, "SYSTEM_PATH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SandboxError, match=r"^no OCI runtime: install runc \(apt-get install runc\)$"):
        candidates({})
    with pytest.raises(SandboxError, match=r"^no OCI runtime: CI_ENGINE_RUNTIME=nope is not a program$"):
        candidates({"CI_ENGINE_RUNTIME": "nope"})


def test_the_choice_of_a_runtime_is_remembered(tmp_path: Path) -> None:
    """It holds until the program or what is wanted changes; a broken record counts as none."""
    record, program = tmp_path / "runtime.json", tmp_path / "runc"
    program.write_text("1")
    chosen = Runtime(str(program), cgroups=True)
    assert remembered(record, {}) is None
    remember(record, chosen, {})
    assert remembered(record, {}) == chosen
    assert remembered(record, {"CI_ENGINE_RUNTIME": "crun"}) is None
    os.utime(program, (1, 1))
    assert remembered(record, {}) is None
    record.write_text("{")
    assert remembered(record, {}) is None
