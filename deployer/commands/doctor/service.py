"""Checks of the service as a release begins it: ledger, record, traffic, database."""

from __future__ import annotations

from itertools import islice

from deployer import events as e
from deployer.checks.database_access import live_database, refuse_access
from deployer.checks.record_place import elsewhere_notes
from deployer.commands.doctor.check import Found, Skipped
from deployer.commands.doctor.readings import ASK_SECONDS, ServiceReadings
from deployer.provisioning.database_copy import CopyJob, check_tools
from deployer.provisioning.local_shell import LocalShell
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.live.carried_files import refuse_files
from deployer.release.live.dns_names import refuse_names
from deployer.release.steps.guard import refuse
from reconciler.database.postgres.connection import AdminUrl
from reconciler.errors import AccessDenied, DatabaseError, Refused
from reconciler.machine.shell import read_from
from reconciler.util import humanize

_LONG_TTL = 600


def ledger(readings: ServiceReadings) -> str:
    """Whether there is a ledger, and it is known."""
    reading, found = readings.known()
    live = f"live {found.live.id}" if found.live else "nobody live"
    return f"{reading.address.name}: generation {found.gen}, {live}"


def store(readings: ServiceReadings) -> str:
    """Where the ledger is kept, and whether that place keeps what was there before."""
    managed = readings.ports.managed
    return managed.ledgers.kept_where(managed.address)


def journal(readings: ServiceReadings) -> str:
    """Whether the journal can be listed, written and read. One small object stays there."""
    ports = readings.ports
    if ports.journal is None:
        return "none configured"
    probe = f"{ports.managed.name}/doctor"
    tuple(islice(ports.journal.keys(ports.managed.name), 1))
    stands = ports.journal.get(probe)
    ports.journal.put(probe, b"written by deployer doctor\n", stands.version if stands else None)
    return "written and read"


def record(readings: ServiceReadings) -> Found:
    """The zone, the record and how long clients keep it."""
    reading, _ = readings.known()
    address = reading.address
    if not readings.ports.managed.traffic.in_batch:
        place = f" in {address.zone}" if address.zone else ""
        by_address = readings.ports.managed.traffic.by_address
        follows = "switched after the ledger" if by_address else "left as it is"
        return Found(f"{address.record}{place}, {follows}")
    if reading.a is None:
        raise Refused(
            f"{address.record} has no A record in {address.zone} ({address.zone_id})",
            cure=f"Correct `record` in services/{address.service}.toml, or see   "
            f"deployer status {address.service}",
        )
    notes = list(elsewhere_notes(readings.ports, reading))
    if reading.a.ttl > _LONG_TTL:
        notes.append(
            f"clients keep the address for {humanize.span(reading.a.ttl)} (its TTL): so long they "
            "ask the old release, which refuses writes; 60 is usual"
        )
    at = ", ".join(reading.a.addresses)
    return Found(f"{address.record} in {address.zone}: {at}, TTL {reading.a.ttl}", tuple(notes))


def guard(readings: ServiceReadings) -> str:
    """All that `up` refuses before it takes the lease: dirt, a lease, a moved record, names."""
    start = readings.start()
    run = ReleaseInputs(readings.ports, ReleaseOptions(), e.ignore)
    refuse(run, start)
    refuse_names(run, start.service_plan, start.reading)
    return "no lease, nothing left over, no other name of live"


def traffic(readings: ServiceReadings) -> str:
    """Whether a release can switch what leads to live, and whether that is where it should be."""
    ports = readings.ports
    routes = ports.managed.routes()
    if routes is None:
        return "the record"
    notes = ports.managed.traffic.check()
    cure = f"To see how it stands   deployer traffic {ports.managed.name}"
    if notes:
        raise Refused(notes[0], detail="\n".join(notes[1:]), cure=cure)
    return "; ".join(map(str, routes.routes))


def database(readings: ServiceReadings) -> str:
    """Whether the admin reaches the database server."""
    if readings.ports.service.database is None:
        return "none configured"
    infos = readings.ports.managed.reach.databases().databases()
    return f"{humanize.count(len(infos), 'database')} on its server"


def roles(readings: ServiceReadings) -> Found:
    """All that `up` refuses of the database: roles, env file, and whether it can be copied."""
    config = readings.ports.service.database
    if config is None:
        return Found("none configured")
    _, ledger_ = readings.known()
    notes = refuse_access(readings.ports, readings.state().service_plan, ledger_)
    said = f"{config.app_role} owns what it writes"
    return Found(said, notes)


def files(readings: ServiceReadings) -> str:
    """Whether the files that are carried can be: folders, file systems, tools on live."""
    readings.known()
    return refuse_files(readings.ports, readings.state().service_plan)


def dump_tools(readings: ServiceReadings) -> str:
    """Whether pg_dump and pg_restore fit the server, where the copy will run."""
    service = readings.ports.service
    config = service.database
    if config is None or config.copy_ == "never":
        raise Skipped("no database is copied")
    _, ledger_ = readings.known()
    source = live_database(readings.ports, ledger_)
    server = readings.ports.managed.reach.databases()
    try:
        major = server.survey_copy(source, config.app_role).major
    except (DatabaseError, AccessDenied) as error:
        raise Skipped(f"the server cannot be asked as `roles` would: {error.message}") from error
    admin = AdminUrl.parse(readings.ports.resolve(config.admin).reveal())
    job = CopyJob(admin, source, "", config.app_role, major=major, timeout=ASK_SECONDS)
    if config.run == "here":
        check_tools(job, LocalShell(), "this machine")
        return f"those here fit PostgreSQL {major}"
    machine = readings.resource()
    read_from(
        lambda: readings.ports.managed.reach.shell(machine),
        lambda shell: check_tools(job, shell, machine.id),
    )
    return f"those on {machine.id} fit PostgreSQL {major}"
