"""Checks, builds and tests the service: every stage is a function, the same on a laptop and in CI."""

from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, Self

import dagger
from dagger import DefaultPath, Doc, Ignore, check, enum_type, function, object_type

from ci import (
    arguments,
    audit,
    base,
    commits,
    cut_release,
    deploy,
    image,
    linters,
    migrations,
    openapi,
    plan,
    publish,
    quality,
    report,
    run,
    sbom,
    scan,
    secret_scan,
    smoke,
    sources,
    suite,
    testing,
    versions,
    workflow,
)
from ci.event import Event
from ci.history import History
from ci.leave import Outside, github
from ci.policy.suites import Suite
from ci.registry import Repository
from ci.stage import marked_fresh, stage

enum_type(Suite)

# Why some functions are cached for the session only: under the default of seven days a suite would answer without
# showing its stages, and a report would keep a stage that could not run. Their executions are cached all the same.
# Why those lines ignore the type checker: `cache` is missing from the SDK's overloads of `function`.


@object_type
class Ci:
    """The pipeline. Suites run many stages at once; each stage is a check and runs alone as well."""

    source: Annotated[
        dagger.Directory,
        DefaultPath("/"),
        Ignore(sources.IGNORED),
        Doc("The repository; only what the stages need of it is read"),
    ]
    fresh: Annotated[str, Doc("Any new value, such as a run's number, runs every stage again")] = ""
    revision: Annotated[str, Doc("The commit that the image says it was made from: set where it is published")] = ""

    # --- Suites

    @function(cache="session")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def quick(self, history: History) -> str:
        """Formatting, lint, types, unit tests, lock files: seconds, and no service."""
        return await suite.check(await self._prepared(), Suite.QUICK, history)

    @function(cache="session")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def full(self, history: History) -> str:
        """The quick suite, then migrations, integration tests, the image and its smoke test."""
        return await suite.check(await self._prepared(), Suite.FULL, history)

    @function(cache="session")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def report(
        self, history: History, suite: Annotated[Suite, Doc("The suite whose reports are wanted")] = Suite.FULL
    ) -> dagger.Directory:
        """The reports and times of a suite's last run, green or red: nothing that has run is run again."""
        return await report.report(await self._prepared(), suite, history)

    # --- Answers to an event

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def plan(
        self,
        history: History,
        event: arguments.Event,
        ref: arguments.Ref,
        commit: arguments.Commit = "",
        before: arguments.Before = "",
        base_ref: arguments.BaseRef = "",
        head_ref: arguments.HeadRef = "",
        repository: arguments.RepositoryName = "",
        head_repository: arguments.HeadRepository = "",
        title: arguments.Title = "",
        choice: arguments.Choice = "",
        image: arguments.Image = "",
        registry_user: arguments.RegistryUser = "",
        registry_password: arguments.RegistryPassword = None,
        registry_service: arguments.RegistryService = None,
        as_json: Annotated[bool, Doc("As JSON, for a program")] = False,
    ) -> str:
        """What CI would do for an event, and why; nothing is run, built or published."""
        happened = Event(event, ref, commit, before, base_ref, head_ref, repository, head_repository, title, choice)
        registry = Repository(image, registry_user, registry_password, registry_service) if image else None
        return await plan.plan(self.source, history, happened, registry, as_json)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def run(
        self,
        history: History,
        event: arguments.Event,
        ref: arguments.Ref,
        commit: arguments.Commit = "",
        before: arguments.Before = "",
        base_ref: arguments.BaseRef = "",
        head_ref: arguments.HeadRef = "",
        repository: arguments.RepositoryName = "",
        head_repository: arguments.HeadRepository = "",
        title: arguments.Title = "",
        choice: arguments.Choice = "",
        image: arguments.Image = "",
        registry_user: arguments.RegistryUser = "",
        registry_password: arguments.RegistryPassword = None,
        registry_service: arguments.RegistryService = None,
        token: arguments.Token = None,
        github_api: arguments.GitHubApi = "",
        status_commit: arguments.StatusCommit = "",
        page: arguments.Page = "",
    ) -> dagger.Directory:
        """What CI does for an event: the plan, carried out. Gives reports with a verdict, whatever became of it."""
        happened = Event(event, ref, commit, before, base_ref, head_ref, repository, head_repository, title, choice)
        registry = Repository(image, registry_user, registry_password, registry_service) if image else None
        outside = Outside(registry, github(repository, token, github_api), status_commit=status_commit, page=page)
        return await run.run(self._over, self.source, history, happened, outside)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def publish(
        self,
        history: History,
        image: arguments.Image,
        registry_user: arguments.RegistryUser = "",
        registry_password: arguments.RegistryPassword = None,
        registry_service: arguments.RegistryService = None,
    ) -> str:
        """Publishes the commit that is checked out as `sha-…`, once its full suite is green; gives it by its digest."""
        registry = Repository(image, registry_user, registry_password, registry_service)
        return await publish.publish(self._over, history, registry)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def deploy(
        self,
        digest: Annotated[str, Doc("Of a published image: sha256:...")],
        image: arguments.Image,
        registry_user: arguments.RegistryUser = "",
        registry_password: arguments.RegistryPassword = None,
        registry_service: arguments.RegistryService = None,
    ) -> str:
        """Deploys to staging by digest: migrations, smoke test, and back to what ran before when one of them fails."""
        registry = Repository(image, registry_user, registry_password, registry_service)
        return await deploy.to_staging(registry, digest)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def github_release(
        self,
        history: History,
        version: Annotated[str, Doc("A version, or its tag, which is pushed already")],
        repository: arguments.RepositoryName,
        token: Annotated[dagger.Secret, Doc("A token that may write releases: env:GITHUB_TOKEN")],
        github_api: arguments.GitHubApi = "",
        draft: Annotated[bool, Doc("Only a draft, which needs no tag yet")] = False,
    ) -> str:
        """Makes or updates the release of a version on GitHub, with its notes; gives the URL of its page."""
        # Imported where it is needed: its HTTP library would add to the start of every other function.
        from ci.github_release import github_release

        return await github_release(self.source, history, version, repository, token, github_api, draft=draft)

    # --- Stages of the quick suite

    @function
    @check
    @stage
    def formatting(self) -> dagger.Container:
        """The formatter would change nothing."""
        return self._ready.with_(quality.formatting(self.source))

    @function
    @check
    @stage
    def lint(self) -> dagger.Container:
        """The linter finds nothing."""
        return self._ready.with_(quality.lint(self.source))

    @function
    @check
    @stage
    def types(self) -> dagger.Container:
        """The strict type checker finds nothing."""
        return self._ready.with_(quality.types(self.source))

    @function
    @check
    @stage
    def unit(self) -> dagger.Container:
        """The unit tests pass and cover enough: 80 % of the service's branches, all of its core."""
        return self._ready.with_(testing.unit(self.source))

    @function
    @check
    @stage
    def lock(self) -> dagger.Container:
        """Every lock file is what its pyproject.toml asks for."""
        return base.toolbox().with_(marked_fresh(self.fresh)).with_(quality.lock(self.source))

    @function
    @check
    @stage
    def workflow(self) -> dagger.Container:
        """The workflow files are right, and give nothing away."""
        return workflow.with_tools(self.source).with_(marked_fresh(self.fresh)).with_(workflow.workflow(self.source))

    @function
    @check
    @stage
    async def commits(
        self,
        history: History,
        title: Annotated[str, Doc("Of a pull request: its title, which its merge gets")] = "",
    ) -> dagger.Container:
        """The messages of the branch's commits are conventional: versions and notes are made of them."""
        return await commits.commits(self.source, history, title, self.fresh)

    @function
    @check
    @stage
    async def openapi(
        self,
        history: History,
        base: Annotated[str, Doc("The branch that the work is for; by default the one that it left last")] = "",
    ) -> dagger.Container:
        """Nothing that clients rely on is gone since the work left its base, or since the last release."""
        return await openapi.openapi(self.source, history, base, self.fresh)

    @function
    @check
    @stage
    def dockerfile(self) -> dagger.Container:
        """The linter of Dockerfiles finds nothing worse than a hint."""
        return linters.dockerfile(self.source, self.fresh)

    @function
    @check
    @stage
    def sql(self) -> dagger.Container:
        """No migration locks a table for longer than a moment, or breaks what is still running."""
        return self._ready.with_(linters.sql(self.source))

    @function
    @check
    @stage
    async def secrets(self, history: History) -> dagger.Container:
        """Nothing looks like a secret, in the files and in what the branch's commits have brought."""
        return await secret_scan.secrets(self.source, history, self.fresh)

    # --- Stages of the full suite

    @function
    @check
    @stage
    def migrations(self) -> dagger.Container:
        """On a fresh PostgreSQL the migrations go up, down and up, have one head, and match the models."""
        return self._ready.with_(migrations.migrations(self.source, self.fresh))

    @function
    @check
    @stage
    def integration(self) -> dagger.Container:
        """The integration tests pass against PostgreSQL and Redis."""
        return self._ready.with_(testing.integration(self.source, self.fresh))

    @function
    @check
    @stage
    async def build(self) -> dagger.Container:
        """The image builds, and is as it is meant to be: lean, labelled, watched, run by an ordinary user."""
        return await image.inspected(await image.image(self.source, self.revision), self.fresh)

    @function
    @check
    @stage
    async def smoke(self) -> dagger.Container:
        """The very image starts as a service, becomes ready, stores an item, and obeys SIGTERM."""
        return await smoke.smoke(await image.image(self.source, self.revision), self.fresh)

    @function(cache="session")  # type: ignore[call-overload, untyped-decorator]  # see above
    @check
    @stage
    async def audit(self) -> dagger.Container:
        """No locked dependency has a known vulnerability that is severe and can be fixed; asked anew every day."""
        return await audit.audit(self.source, self.fresh)

    # --- A check of its own, since it needs a registry that is not reached from everywhere

    @function(cache="session")  # type: ignore[call-overload, untyped-decorator]  # see above
    @check
    @stage
    async def scan(self, published: arguments.Published = None) -> dagger.Container:
        """Nothing in the image has a known vulnerability that is severe and can be fixed; looked up anew every day."""
        scanned = published or await image.image(self.source, self.revision)
        return await scan.scan(self.source, scanned, self.fresh)

    async def rescan(self, published: dagger.Container, name: str) -> dagger.Container:
        """Make the stage by which a nightly run scans one of several images; its reports have that name."""
        return await scan.scan(self.source, published, self.fresh, name=name)

    # --- Versions

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def next_version(
        self, history: History, prerelease: arguments.Kind = "", increment: arguments.Counted = ""
    ) -> str:
        """The version that would be cut now."""
        return await versions.next_version(self.source, history, prerelease, increment)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def bump(
        self, history: History, prerelease: arguments.Kind = "", increment: arguments.Counted = ""
    ) -> dagger.Changeset:
        """What the next version changes: version, lock file and changelog; nothing is written unless it is exported."""
        return await versions.bump(self.source, history, prerelease, increment)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def changelog(self, history: History) -> dagger.File:
        """The whole changelog, made anew of the commits."""
        return await versions.changelog(self.source, history)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def release_notes(
        self, history: History, version: Annotated[str, Doc("A version, or its tag; without a tag: the draft for HEAD")]
    ) -> dagger.File:
        """What one version brought, and nothing else."""
        return await versions.release_notes(self.source, history, version)

    @function(cache="never")  # type: ignore[call-overload, untyped-decorator]  # see above
    async def cut_release(
        self,
        history: History,
        remote: Annotated[str, Doc("The repository to push to: https://HOST/OWNER/NAME.git")],
        token: Annotated[dagger.Secret | None, Doc("A token that may push there: env:GITHUB_TOKEN")] = None,
        remote_service: Annotated[dagger.Service | None, Doc("A remote that only the engine reaches")] = None,
        branch: Annotated[str, Doc("main or hotfix/*; left out: the one that is checked out")] = "",
        author: Annotated[str, Doc("Who makes the commit and the tag: NAME <ADDRESS>")] = cut_release.AUTHOR,
        prerelease: arguments.Kind = "",
        increment: arguments.Counted = "",
    ) -> str:
        """Cuts the next version: its commit and its tag are pushed together, or nothing is."""
        remote_place = cut_release.Remote(remote, token, remote_service)
        return await cut_release.cut_release(
            self.source, history, remote_place, branch=branch, author=author, prerelease=prerelease, increment=increment
        )

    # --- Parts, to look into or to build on

    @function
    def base(self) -> dagger.Container:
        """Python with the locked dependencies and tools: where the stages run."""
        return base.base(self.source)

    @function
    async def image(self) -> dagger.Container:
        """The service's image, built from its Dockerfile."""
        return await image.image(self.source, self.revision)

    @function
    async def sbom(self) -> dagger.File:
        """The bill of materials of the service's image: what is in it, as CycloneDX."""
        return await sbom.sbom(self.source, await image.image(self.source, self.revision))

    @function
    def coverage(self) -> dagger.Directory:
        """The coverage of the unit tests, as XML and HTML, also when they are red."""
        return self._ready.with_(testing.unit(self.source)).directory(testing.COVERAGE)

    @cached_property
    def _ready(self) -> dagger.Container:
        return base.base(self.source).with_(marked_fresh(self.fresh))

    async def _over(self, source: dagger.Directory, revision: str) -> object:
        make: Any = type(self)  # the SDK's decorators hide the constructor from type checkers
        return await make(source=source, fresh=self.fresh, revision=revision)._prepared()

    async def _prepared(self) -> Self:
        # Tells the engine of the base's parts once, not once per stage. When that fails, every stage says so itself.
        with suppress(dagger.QueryError):
            await self._ready.id()
        return self
