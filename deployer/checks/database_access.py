"""Compares who may write in the live database with the configuration, before any create.

The application must log in as `app_role` or as a member of it: that role will own the copy, and an
owner may also drop. A wrong role would otherwise be noticed by the next migration only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployer.ports import Ports
from reconciler.config.service import Database, Service
from reconciler.database import findings
from reconciler.database.copying import CopySurvey, copy_notes, refuse_uncopyable
from reconciler.database.findings import Findings
from reconciler.database.port import DatabaseServer
from reconciler.errors import ConfigError, DatabaseError, NotTried, ShellError
from reconciler.gc.verdict import Role, Verdict
from reconciler.machine import env_file
from reconciler.machine.env_hazards import read_hazards, refuse_hazards
from reconciler.machine.shell import Shell, read_from
from reconciler.model.ledger import Ledger, Live
from reconciler.model.resource import DATABASE, INSTANCE, Resource
from reconciler.plan.service_plan import ServicePlan


@dataclass(frozen=True)
class Login:
    """The database, login role and server named by live's env file.

    The server is read only where `database.url` names one as well.
    """

    database: str = ""
    role: str = ""
    server: str = ""


def refuse_access(ports: Ports, todo: ServicePlan, ledger: Ledger) -> tuple[str, ...]:
    """Raise ConfigError or Refused if a release would fail on its roles; return notes for the user.

    An unreachable live machine does not block: its clone is checked, before the freeze.
    """
    config = ports.service.database
    if config is None:
        return ()
    server = ports.managed.reach.databases()
    live = ledger.live
    if live is None:
        refuse_roles(ports, server, "", _logins(ports, config, ""))
        return ()
    machine = _machine(todo, live)
    try:
        login = login_on(ports, machine, config, _checked_login) if machine else Login()
    except (ShellError, NotTried) as error:
        known = _known(todo, live, config)
        notes = _unasked(ports, server, known)
        said = f"{error.message}: the role that live logs in as is compared on its clone"
        return (said, *notes, *_copyable(ports, server, known))
    known = login.database or _known(todo, live, config)
    notes = refuse_roles(ports, server, known, _someone(ports, config, login.role))
    _refuse_another_server(ports, config, login.server)
    return (*notes, *_copyable(ports, server, known))


def refuse_roles(
    ports: Ports, server: DatabaseServer, database: str, logins: Sequence[str]
) -> tuple[str, ...]:
    """Check the application's login roles; `database` is '' where none exists yet."""
    config = _configured(ports)
    found = server.examine(database, (config.app_role, *logins))
    for role in (config.app_role, *logins):
        if role in found.missing:
            raise _missing(ports.service, role)
    for role in logins:
        if role != config.app_role and role not in found.members:
            raise _not_the_apps(ports.service, config.app_role, role)
    if found.powerless:
        raise findings.powerless(config.app_role, found.powerless)
    for role, why in found.unbound.items() if config.copy_ != "never" else ():
        raise findings.unbound(role, why)
    # What is never shut and never copied need not be fit for it.
    if not database or config.copy_ == "never":
        return ()
    return _refuse_writers(ports, database, found)


def _copyable(ports: Ports, server: DatabaseServer, database: str) -> tuple[str, ...]:
    """What is not known of a copy. Raises Refused for what would fail one."""
    known = database in {one.name for one in server.databases()}
    if not known or _configured(ports).copy_ == "never":
        return ()
    return copy_notes(database, survey_copy(ports, server, database))


def survey_copy(ports: Ports, server: DatabaseServer, database: str) -> CopySurvey:
    """What the server says of a copy. Raises Refused for what would fail it."""
    survey = server.survey_copy(database, _configured(ports).app_role)
    refuse_uncopyable(database, survey)
    return survey


def read_login(shell: Shell, service: Service, config: Database) -> Login:
    """Read the login from a machine's env file. Raises ShellError."""
    path = service.app.env_file or ""
    return Login(
        env_file.read_database_name(shell, path, config.variable),
        env_file.read_login(shell, path, config.variable),
        env_file.read_server(shell, path, config.variable) if config.url else "",
    )


def _checked_login(shell: Shell, service: Service, config: Database) -> Login:
    """The same, unless the file has more than the release would change: then ConfigError."""
    login, path = read_login(shell, service, config), service.app.env_file or ""
    if config.copy_ != "never":
        found = read_hazards(shell, path, config.variable, login.database)
        refuse_hazards(path, config.variable, login.database, found)
    return login


def login_on(
    ports: Ports,
    machine: Resource,
    config: Database,
    read: Callable[[Shell, Service, Database], Login] = read_login,
) -> Login:
    """Read the login from a machine that runs. Raises ShellError, NotTried."""
    return read_from(
        lambda: ports.managed.reach.shell(machine),
        lambda shell: read(shell, ports.service, config),
    )


def live_database(ports: Ports, ledger: Ledger) -> str:
    """The database that live's env file names; '' where none of its machines runs."""
    live, config = ledger.live, _configured(ports)
    machines = [
        resource
        for resource in ports.managed.heap.scan().resources
        if live is not None and resource.deploy == live.id and resource.kind == INSTANCE
        if resource.state == "running" and not set(live.at).isdisjoint(resource.addresses)
    ]
    if not machines:
        return ""
    machine = min(machines, key=lambda one: one.id)
    return login_on(ports, machine, config).database or config.name or ""


def refuse_clone(ports: Ports, server: DatabaseServer, shell: Shell, database: str) -> None:
    """Check the roles again on the clone, right before the freeze: live may not have answered."""
    config = _configured(ports)
    login = _checked_login(shell, ports.service, config)
    refuse_roles(ports, server, database, _someone(ports, config, login.role))


def refuse_large_objects(server: DatabaseServer, database: str, app_role: str) -> None:
    """Raise Refused if the database has any; checked again once it is closed."""
    count = server.examine(database, (app_role,)).large_objects
    if count:
        raise findings.has_large_objects(database, count)


def _refuse_another_server(ports: Ports, config: Database, used: str) -> None:
    """Refuse a different server: a cloned server has all names of the old one, but not its writes.

    Its database would be closed and copied, and what live writes meanwhile would be lost.
    """
    wanted = env_file.server_of(ports.resolve(config.url).reveal()) if config.url else ""
    if used and wanted and used != wanted:
        raise ConfigError(
            f"live's database is on {used}, database.url leads to {wanted}: the release would copy "
            "what is there, not what live writes",
            cure=f"If live is to move to {wanted}: lead its env file there first, and restart it. "
            "If it is the same server, write its name as live's env file does",
        )


def _refuse_writers(ports: Ports, database: str, found: Findings) -> tuple[str, ...]:
    if found.extensions:
        raise findings.cannot_create(database, _configured(ports).app_role, found.extensions)
    if found.large_objects:
        raise findings.has_large_objects(database, found.large_objects)
    if found.subscriptions:
        raise findings.streamed_into(database, found.subscriptions)
    if found.policies:
        raise findings.policies_would_go(database, _configured(ports).app_role, found.policies)
    if found.free:
        raise findings.write_freely(database, found.free)
    return (*_owners(ports, found), *_others(ports, database, found))


def _owners(ports: Ports, found: Findings) -> tuple[str, ...]:
    """Permanent changes in the copy: an owner has all rights on its tables."""
    if not found.owners:
        return ()
    app_role = _configured(ports).app_role
    return (f"in the copy, tables of {', '.join(sorted(found.owners))} belong to {app_role}",)


def _others(ports: Ports, database: str, found: Findings) -> tuple[str, ...]:
    if not found.others:
        return ()
    if _configured(ports).other_roles == "refuse":
        raise findings.others_write(ports.service.name, database, found.others)
    lines = "; ".join(findings.other_lines(found.others))
    return (f"shut out of {database} for good, as other_roles says: {lines}",)


def _unasked(ports: Ports, server: DatabaseServer, database: str) -> tuple[str, ...]:
    """The checks that need no env file. The login role is unknown, so none counts as "other"."""
    if not database or database not in {one.name for one in server.databases()}:
        return ()
    return refuse_roles(ports, server, database, ())


def _machine(todo: ServicePlan, live: Live) -> Resource | None:
    """A running machine of live; the guard has already refused where none runs."""
    found = [one.resource for one in _of(todo, live, INSTANCE) if one.resource.state == "running"]
    return min(found, key=lambda one: one.id, default=None)


def _known(todo: ServicePlan, live: Live, config: Database) -> str:
    """Live's database without its env file: the one of its deploy, or the one before adoption."""
    found = [one.resource.name for one in _of(todo, live, DATABASE)]
    return next(iter(found), config.name or "")


def _of(service_plan: ServicePlan, live: Live, kind: str) -> list[Verdict]:
    return [
        verdict
        for verdict in service_plan.verdicts
        if verdict.resource.kind == kind
        and verdict.deploy == live.id
        and verdict.reason is Role.LIVE
    ]


def _logins(ports: Ports, config: Database, role: str) -> tuple[str, ...]:
    """The login roles of live and of the new release: `database.url` takes precedence."""
    url = env_file.login_of(ports.resolve(config.url).reveal()) if config.url else ""
    return tuple(dict.fromkeys(one for one in (role, url) if one))


def _someone(ports: Ports, config: Database, role: str) -> tuple[str, ...]:
    """The login roles for a live database. Raises ConfigError where there is none."""
    found = _logins(ports, config, role)
    if not found:
        raise _nobody(ports.service, config)
    return found


def _configured(ports: Ports) -> Database:
    if ports.service.database is None:
        raise DatabaseError(f"{ports.service.name} has no database configured")
    return ports.service.database


def _nobody(service: Service, config: Database) -> ConfigError:
    return ConfigError(
        f"{service.app.env_file or 'the env file'} on live names no role that logs in: "
        f"{config.variable} is missing, or its URL has no user before an `@`",
        cure=(
            f"write {config.variable}=postgresql://{config.app_role}:PASSWORD@HOST/NAME into it, "
            "or set\ndatabase.url to a reference of such a URL; check app.env_file and "
            "database.variable"
        ),
    )


def _missing(service: Service, role: str) -> ConfigError:
    return ConfigError(
        f"there is no role {role} on the database's server",
        cure=f"set database.app_role in services/{service.name}.toml to the role that the "
        "application logs in as",
    )


def _not_the_apps(service: Service, app_role: str, login: str) -> ConfigError:
    return ConfigError(
        f"database.app_role is {app_role}, but the application logs in as {login}, which is no "
        f"member of {app_role}: the copy would belong to a role that is not the application's",
        cure=f'app_role = "{login}" below [database] in services/{service.name}.toml',
    )
