"""What the functions that answer an event are told, once for all of them; every text is parsed by the policy."""

from typing import Annotated

import dagger
from dagger import Doc

Event = Annotated[str, Doc("GitHub's name of the event: push, pull_request, merge_group, schedule, workflow_dispatch")]
Ref = Annotated[str, Doc("What the event is about: refs/heads/<branch> or refs/tags/<tag>")]
Commit = Annotated[str, Doc("The commit's full hash; left out: what the ref names in the history, else HEAD")]
Before = Annotated[str, Doc("Of a push: the commit that the branch was at")]
BaseRef = Annotated[str, Doc("Of a pull request or a merge queue: the branch to be changed")]
HeadRef = Annotated[str, Doc("Of a pull request: its branch; left out: the one that --ref names")]
RepositoryName = Annotated[str, Doc("owner/name of the repository")]
HeadRepository = Annotated[str, Doc("Of a pull request: owner/name of the repository that its branch is in")]
Title = Annotated[str, Doc("Of a pull request: its title")]
Choice = Annotated[str, Doc("Of a manual run: the suite")]

Image = Annotated[str, Doc("Where images are published, as host[:port]/name without a tag")]
RegistryUser = Annotated[str, Doc("The registry's user name")]
RegistryPassword = Annotated[dagger.Secret | None, Doc("The registry's password, such as env:REGISTRY_PASSWORD")]
RegistryService = Annotated[dagger.Service | None, Doc("A registry that only the engine reaches, in plain HTTP")]

Token = Annotated[
    dagger.Secret | None, Doc("A token that may write releases, statuses and pull requests: env:GITHUB_TOKEN")
]
GitHubApi = Annotated[str, Doc("GitHub's API; of a server of your own https://HOST/api/v3")]
StatusCommit = Annotated[str, Doc("Of a pull request: its head commit, which shows the statuses; left out: the commit")]
Page = Annotated[str, Doc("The URL of the run's page, which the statuses lead to")]

# Texts, because the engine takes no enum that may be left out without one of its members as default.
Kind = Annotated[str, Doc("A prerelease of this kind: alpha, beta or rc; left out: a stable version")]
Counted = Annotated[str, Doc("What counts up: patch, minor or major; left out: what the commits ask for")]

Published = Annotated[
    dagger.Container | None, Doc("An image of a registry, by its address, in place of the one that is built here")
]
