"""`deployer doctor`: tries what a release will do, one line a check, each failure with its cure.

A failing check does not stop the others: the user wants the whole list at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from deployer.aws.trials import AwsTrials
from deployer.checks.session import outlasts
from deployer.commands.doctor import cloud, machine, room, service
from deployer.commands.doctor.check import Check, Found, Status, attempt
from deployer.commands.doctor.disk_keys import disk_keys
from deployer.commands.doctor.readings import ServiceReadings
from deployer.provisioning.repository import examine_code
from deployer.wiring import wired
from reconciler.config.loader import Settings, refuse_unbuilt
from reconciler.config.service import Service
from reconciler.errors import ToolError
from reconciler.exit_codes import code_of
from reconciler.util.concurrency import side_by_side
from reconciler.wiring.edges import Edges

Probe = Callable[[ServiceReadings], Found | str]

PROBES: Sequence[tuple[str, Probe]] = (
    ("ssh key", machine.ssh_key),
    ("ssh via", machine.ssh_via),
    ("ledger", service.ledger),
    ("kept in", service.store),
    ("journal", service.journal),
    ("record", service.record),
    ("guard", service.guard),
    ("traffic", service.traffic),
    ("machines", machine.running),
    ("clock", cloud.clock),
    ("dry run", cloud.dry_run),
    ("policy", cloud.policy),
    ("addresses", room.addresses),
    ("quota", room.machines),
    ("groups", room.target_groups),
    ("tags", cloud.tags),
    ("disks", cloud.disks),
    ("disk keys", disk_keys),
    ("ssh", machine.ssh),
    ("systemd", machine.systemd),
    ("cloud-init", machine.cloud_init),
    ("disk", machine.disk),
    ("tools", machine.tools),
    ("identity", machine.identity),
    ("units", machine.units),
    ("files", service.files),
    ("database", service.database),
    ("roles", service.roles),
    ("dump tools", service.dump_tools),
    ("smoke", machine.smoke),
)
"""In the order of a release: the first failure is usually the cause of later ones."""


def examine(settings: Settings, names: Sequence[str] = ()) -> tuple[Check, ...]:
    """Run every check for these services, or for each. Raises ConfigError for an unknown one."""
    wanted = [settings.service(name).name for name in names] or list(settings.services)
    found = side_by_side(wanted, lambda name: tuple(_service(settings, name)))
    return tuple(check for checks in found for check in checks)


def _service(settings: Settings, name: str) -> Iterator[Check]:
    config = settings.service(name)
    yield from attempt(name, "settings", lambda: _settings(config))
    yield from attempt(name, "code", lambda: _code(config))
    try:
        ports = wired(settings, name)
    except ToolError as error:
        code = int(code_of(error))
        yield Check(name, "account", Status.FAIL, error.message, error.cure, error.detail, code)
        return
    yield Check(name, "account", Status.OK, f"{config.account} in {config.region}")
    yield from attempt(name, "session", lambda: _session(settings, config))
    trials = AwsTrials(Edges(settings).aws(config.place))
    yield from probed(ServiceReadings(ports, settings, trials))


def probed(readings: ServiceReadings) -> Iterator[Check]:
    """The checks that need the cloud, the machine and the database, side by side.

    One after the other where a reading that they share has failed: the first to need it says so.
    """

    def checks(title: str, probe: Probe) -> list[Check]:
        return [*attempt(readings.ports.service.name, title, lambda: probe(readings))]

    together = readings.ahead()
    found = (
        side_by_side(PROBES, lambda each: checks(*each))
        if together
        else (checks(*each) for each in PROBES)
    )
    for each in found:
        yield from each


def _settings(config: Service) -> str:
    refuse_unbuilt(config)
    return f"services/{config.name}.toml is understood"


def _code(config: Service) -> Found:
    """Whether HEAD can be packed as a release packs it, and what is not in it."""
    shipped = examine_code(config.code.source, "HEAD")
    return Found(f"{config.code.source}: {shipped.text}", shipped.notes())


def _session(settings: Settings, config: Service) -> str:
    """Whether the credentials last as long as a release may take."""
    end = Edges(settings).aws(config.place).session_end()
    return outlasts(end, config.lease.limit, datetime.now(UTC))
