"""The service's image, and the stage that looks at it."""

import json
import tomllib
from typing import Final

import dagger

from ci import sources
from ci.scripts import text_of
from ci.scripts.inspect_image import LABELS
from ci.stage import marked_fresh, recorded, with_wrapper

_INSPECTION: Final = "/opt/ci/inspect_image.py"


async def image(source: dagger.Directory, revision: str = "") -> dagger.Container:
    """Build the image from the Dockerfile; its version label is the project's version.

    `revision` is the commit that it says it was made from: what is published names one, and what is built to be tested
    here names none, so that a commit that changes nothing of the image does not make another one.
    """
    project = tomllib.loads(await source.file("pyproject.toml").contents())["project"]
    labels = {"VERSION": str(project["version"])} | ({"REVISION": revision} if revision else {})
    return source.filter(include=list(sources.IMAGE)).docker_build(
        build_args=[dagger.BuildArg(name, value) for name, value in labels.items()]
    )


async def inspected(built: dagger.Container, fresh: str) -> dagger.Container:
    """Look at an image: by what its configuration says, and from inside.

    As root, because an ordinary user does not see every file; the image itself stays as it is.
    """
    facts = json.dumps(await configuration(built))
    return (
        built.with_user("root")
        .with_workdir("/")
        .with_(with_wrapper)
        .with_new_file(_INSPECTION, text_of("inspect_image.py"))
        .with_(marked_fresh(fresh))
        .with_(recorded("build", ["python", _INSPECTION, facts]))
    )


async def configuration(built: dagger.Container) -> dict[str, object]:
    """Read from the image's configuration what cannot be seen from inside it."""
    return {
        "user": await built.user(),
        "ports": [await port.port() for port in await built.exposed_ports()],
        "healthcheck": await _healthcheck(built),
        "labels": {name: await built.label(name) for name in LABELS},
    }


async def _healthcheck(built: dagger.Container) -> list[str]:
    try:
        return await built.docker_healthcheck().args()
    except dagger.InvalidQueryError:
        # The SDK's answer where the API returns null: the image has none.
        return []
