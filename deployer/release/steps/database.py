"""Database: prepares the copy, freezes live, copies its rows, switches the new machines to it.

What can fail without a frozen second does so before the freeze: the copy is created, gets the
schema and a trial of all that follows the rows. Or the release shares the live database, where the
configuration says so (`shared_database`).
"""

from __future__ import annotations

from deployer import events as e
from deployer.checks.database_access import refuse_clone, refuse_large_objects, survey_copy
from deployer.provisioning.database_copy import (
    CopyJob,
    Prepared,
    check_tools,
    fill_copy,
    prepare_copy,
)
from deployer.provisioning.local_shell import LocalShell, Runner
from deployer.release.clock import elapsed
from deployer.release.context import Freeze, ReleaseContext
from deployer.release.live.carried_files import first_pass, last_pass
from deployer.release.steps.shared_database import is_shared, remember_live, share
from reconciler.config.service import Database
from reconciler.database.copying import schema_changed
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.state_comment import Memory, born_as
from reconciler.errors import ConfigError, DatabaseError
from reconciler.machine import env_file
from reconciler.machine.shell import Shell
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger_home import own
from reconciler.util.concurrency import side_by_side


def database(run: ReleaseContext) -> str:
    """Create this deploy's own database, or share live's; write its URL on every new machine."""
    config = run.ports.service.database
    if config is None:
        return "none"
    server = run.ports.managed.reach.databases()
    live = run.start.reading.ledger.live
    run.database.name = run.deploy.database_name(str(run.ports.managed.address))
    if live is None:
        _create(run, config, server, like="")
        _point(run, config, run.database.name)
        return f"{run.database.name}, empty"
    source, owner = _source(run, config, server), run.start.reading.ledger.database_of(live.id)
    _refuse_anothers(run, server, owner, source)
    refuse_clone(run.ports, server, run.created.machines[0].shell, source)
    if config.copy_ != "always" and not run.options.rehearsal:
        _point(run, config, source)
        if is_shared(run, config):
            return share(run, server, source, owner)
    remember_live(run, server, source, owner)
    first_pass(run)
    prepared = _prepare(run, config, server, source)
    if run.options.rehearsal:
        began = elapsed()
        _fill(run, config, server, prepared)
        last_pass(run)
        run.database.frozen_seconds = elapsed() - began  # a release refuses writes that long
    else:
        _freeze(run, config, server, owner, source)
        _fill(run, config, server, prepared)
        last_pass(run)  # before a migration, which may change what it finds there
    _point(run, config, run.database.name)
    return f"{run.database.name}, a copy of {source}"


def schema_alone(run: ReleaseContext, shell: Shell, source: str) -> str:
    """Try a copy without its rows, by the tools of live itself: for a rehearsal."""
    config = run.ports.service.database
    if config is None:
        return "none"
    server = run.ports.managed.reach.databases()
    run.database.name = run.deploy.database_name(str(run.ports.managed.address))
    refuse_clone(run.ports, server, shell, source)
    live = run.start.reading.ledger.live
    if live is not None:
        remember_live(run, server, source, run.start.reading.ledger.database_of(live.id))
    _prepare(run, config, server, source, shell)
    return f"the schema of {source} can be copied"


def _source(run: ReleaseContext, config: Database, server: DatabaseServer) -> str:
    """The live database's name, from the clone's env file, which is a copy of live's."""
    shell = run.created.machines[0].shell
    path = run.ports.service.app.env_file or ""
    name = env_file.read_database_name(shell, path, config.variable) or config.name
    if name is None:
        raise ConfigError(
            f"{path} of the clone has no {config.variable}: the live database is not known",
            cure=f"correct app.env_file and database.variable in services/{run.deploy.service}"
            ".toml: the file on live that names its database, as the app reads it",
        )
    if name not in {one.name for one in server.databases()}:
        raise DatabaseError(
            f"the live database {name} is not on the server that admin leads to",
            cure="correct admin below [database]: it is of the server that live's env file names",
        )
    return name


def _refuse_anothers(
    run: ReleaseContext, server: DatabaseServer, wanted: DeployId, source: str
) -> None:
    """It must be the one that the ledger says live uses: a sweep would not reopen any other."""
    memory = next(one.memory for one in server.databases() if one.name == source)
    places = own(str(run.ports.managed.address), run.held.ledger)
    born = next((one for one in (born_as(source, place) for place in places) if one), None)
    owner = born or (memory.deploy if memory else wanted)
    if owner != wanted:
        raise DatabaseError(
            f"the live machine uses {source}, which is the database of {owner}, not of {wanted}",
            cure=f"Let live use a database of its own name first. If {owner} is no more, and the "
            f"name is nobody's (its note and hold go, too):  COMMENT ON DATABASE {source} IS NULL",
        )


def _freeze(
    run: ReleaseContext, config: Database, server: DatabaseServer, owner: DeployId, source: str
) -> None:
    if config.writes == "freeze":
        run.held.shorten()
    act = run.ports.managed.fenced_act(run.held.generation, owner, run.held.ledger.was)
    if config.writes == "lose":
        # Nothing is closed, but the database's memory gets its deploy, so it can be closed later.
        server.record_baseline(source, act)
        run.note("database", "writes from now on to the cutover will be lost (writes = lose)")
        return
    began = elapsed()
    run.database.source = source  # before the act: if it is interrupted, the undo reopens it
    server.shut(source, act, (config.app_role,), config.max_wait.total_seconds())
    if not server.is_shut(source):
        raise DatabaseError(f"{source} still takes writes although it was shut")
    # A large object created since the guard's check could be written to undetected.
    refuse_large_objects(server, source, config.app_role)
    limit = config.max_freeze.total_seconds()
    run.database.freeze = Freeze(source, began, limit, server.schema_digest(source))
    run.emit(e.FreezeBegan(limit))


def _create(run: ReleaseContext, config: Database, server: DatabaseServer, like: str) -> None:
    memory = Memory(run.deploy, str(run.ports.managed.address), run.held.now)
    server.create(run.database.name, config.app_role, memory, like)


def _prepare(
    run: ReleaseContext,
    config: Database,
    server: DatabaseServer,
    source: str,
    shell: Shell | None = None,
) -> Prepared:
    """All of the copy that needs no freeze: what fails here, live has not noticed.

    Its tools run on `shell`, where they do not run here; None: on the new machine.
    """
    survey = survey_copy(run.ports, server, source)
    job = CopyJob(
        admin=AdminUrl.parse(run.ports.resolve(config.admin).reveal()),
        source=source,
        target=run.database.name,
        owner=config.app_role,
        frozen=config.writes == "freeze" and not run.options.rehearsal,
        major=survey.major,
        timeout=run.ports.service.limits.copy_.total_seconds(),
    )
    runner = _runner(run, config) if shell is None or config.run == "here" else shell
    check_tools(job, runner, "this machine" if config.run == "here" else "the machine")
    _create(run, config, server, like=source)
    return prepare_copy(job, runner, server, trial=survey.can_be_tried)


def _fill(
    run: ReleaseContext, config: Database, server: DatabaseServer, prepared: Prepared
) -> None:
    """The rows, and all that follows them. A schema that has changed since is not in the copy."""
    source = prepared.job.source
    if server.definitions(source) != prepared.definitions:
        raise schema_changed(source)
    prepared = prepared.within(run.within(run.ports.service.limits.copy_))
    progress = run.progress("database", f"restore of {source}")
    fill_copy(prepared, _runner(run, config), server, progress)
    run.within(run.ports.service.limits.copy_)


def _runner(run: ReleaseContext, config: Database) -> Runner:
    return LocalShell() if config.run == "here" else run.created.machines[0].shell


def _point(run: ReleaseContext, config: Database, name: str) -> None:
    """Write the database's name into the env file of every machine (0600, by stdin)."""
    url = run.ports.resolve(config.url).reveal() if config.url else None
    side_by_side(
        run.created.machines,
        lambda machine: env_file.set_database(
            machine.shell, run.env_file, config.variable, name, url
        ),
    )
