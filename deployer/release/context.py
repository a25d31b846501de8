"""One release in progress: its fixed inputs and the results of its steps so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from deployer import events as e
from deployer.compute import ImageOrder, InstanceFacts, LaunchOrder
from deployer.ports import Ports
from deployer.provisioning.code_archive import CodeArchive
from deployer.release.clock import elapsed
from deployer.release.lease_holder import LeaseHolder
from reconciler.errors import ToolError
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.host_key import HostKey
from reconciler.machine.shell import Shell
from reconciler.model.deploy_id import DeployId
from reconciler.model.reading import Reading
from reconciler.plan.service_plan import ServicePlan
from reconciler.sweep.absence import Sightings
from reconciler.util.backoff import Backoff

T = TypeVar("T")


@dataclass(frozen=True)
class ReleaseOptions:
    """The options that the user gave for this release."""

    ref: str = "HEAD"
    sweep_first: bool = False
    despite: frozenset[str] = frozenset()
    wait: timedelta = timedelta(0)
    keep_failed: timedelta | None = None


@dataclass(frozen=True)
class NewMachine:
    """A machine of this deploy, and the open SSH session on it."""

    id: str
    address: str
    shell: Shell


@dataclass
class Freeze:
    """The live database is closed for writes: since when (`elapsed`), and its schema digest."""

    database: str
    since: float
    limit: float
    digest: str

    def left(self) -> float:
        """Seconds until the freeze is abandoned."""
        return self.limit - (elapsed() - self.since)


@dataclass
class ReleaseContext:
    """The state of one `up`. Each step reads the values that earlier steps have set."""

    ports: Ports
    options: ReleaseOptions
    emit: e.Listener
    code: CodeArchive | None = None
    began: float = field(default_factory=time.monotonic)
    service_plan: ServicePlan | None = None
    id: DeployId | None = None
    release: str = ""
    was: str = ""
    reading: Reading | None = None
    lease: LeaseHolder | None = None
    source: InstanceFacts | None = None
    source_database: str = ""
    stopped: str = ""
    """Why an image hook may have left live stopped: the end of the hook was not observed."""
    image_order: ImageOrder | None = None
    image: str = ""
    image_seen: Sightings = field(default_factory=Sightings)
    host_key: HostKey | None = None
    launch_order: LaunchOrder | None = None
    launched: tuple[str, ...] = ()
    facts: tuple[InstanceFacts, ...] = ()
    public: bool = False
    machines: tuple[NewMachine, ...] = ()
    database: str = ""
    freeze: Freeze | None = None
    frozen_seconds: float | None = None
    at: tuple[str, ...] = ()
    schema: str = ""
    old_ttl: int = 60
    unfinished: list[str] = field(default_factory=list)

    @property
    def deploy(self) -> DeployId:
        """This deploy's id, once the guard has passed."""
        return needed(self.id, "deploy-id")

    @property
    def held(self) -> LeaseHolder:
        """The lease, once it is acquired."""
        return needed(self.lease, "lease")

    @property
    def gate(self) -> ActivationGate:
        """The units that a clone must not start by itself."""
        app = self.ports.service.app
        return ActivationGate(app.units, app.jobs)

    @property
    def env_file(self) -> str:
        """The path where the app reads its environment; '' for none."""
        return self.ports.service.app.env_file or ""

    def note(self, step: str, text: str) -> None:
        """Emit a note about a running step."""
        self.emit(e.StepNote(step, text))

    def progress(self, step: str, text: str, unit: str = "B") -> Callable[[int, int], None]:
        """A callback that reports the progress of a step."""
        return lambda done, total: self.emit(e.StepProgress(step, text, done, total, unit))

    def looks(self, pace: Backoff) -> Iterator[float]:
        """The polling attempts of a step. Raises LeaseLost: then there is nothing to wait for."""
        return replace(pace, sleep=self.held.sleep).attempts()

    def thawed(self, *, cut_over: bool) -> None:
        """Report that writes are accepted again: by the new database, or by the old one."""
        if self.freeze is None:
            return
        self.frozen_seconds = elapsed() - self.freeze.since
        self.freeze = None
        self.emit(e.FreezeEnded(self.frozen_seconds, cut_over))

    def within(self, limit: timedelta) -> float:
        """Seconds a command may take: its own limit, or the remaining time of the freeze.

        Raises ToolError when the freeze has reached its limit.
        """
        if self.freeze is None:
            return limit.total_seconds()
        left = self.freeze.left()
        if left <= 0:
            raise ToolError(
                f"writes have been refused for {self.freeze.limit:.0f} s: giving up, they are "
                "taken again",
                cure="raise database.max_freeze, or make the copy and the migration faster",
            )
        return min(limit.total_seconds(), left)


def needed(value: T | None, what: str) -> T:
    """`value`, which an earlier step has set."""
    if value is None:
        raise AssertionError(f"a step ran before the one that sets the {what}")
    return value
