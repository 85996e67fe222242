"""Packages of the distribution that the Python image is made from."""

from ci.stage import Step


def with_packages(*packages: str) -> Step:
    """Install packages, each pinned as apt has it (`git=1:2.*`); the lists of what there is are not kept."""
    wanted = " ".join(f"'{package}'" for package in packages)
    install = (
        f"apt-get update -q && apt-get install -yq --no-install-recommends {wanted} && rm -rf /var/lib/apt/lists/*"
    )
    return lambda container: container.with_exec(["sh", "-c", install])
