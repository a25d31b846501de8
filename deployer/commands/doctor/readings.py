"""One service under examination: what its checks read, each once."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.aws.trials import AwsTrials
from deployer.checks.service_state import ServiceState, survey
from deployer.commands.doctor.check import Once, Skipped
from deployer.commands.doctor.machine_survey import MachineSurvey, read_survey, survey_script
from deployer.compute import InstanceFacts
from deployer.ports import Ports
from deployer.release.context import StartingPoint
from deployer.release.steps.guard import look
from deployer.release.steps.image import live_machine
from reconciler.config.loader import Settings
from reconciler.machine.shell import Command, read_from
from reconciler.model.ledger import Ledger
from reconciler.model.reading import Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.util.concurrency import side_by_side

ASK_SECONDS = 60.0


@dataclass
class ServiceReadings:
    """A service, its ports, and the readings that its checks share.

    `trials` are the questions that only AWS itself answers; None: they are skipped.
    """

    ports: Ports
    settings: Settings | None = None
    trials: AwsTrials | None = None
    state: Once[ServiceState] = field(init=False)
    start: Once[StartingPoint] = field(init=False)
    live: Once[InstanceFacts] = field(init=False)
    machine: Once[MachineSurvey] = field(init=False)

    def __post_init__(self) -> None:
        self.state = Once("the ledger", lambda: survey(self.ports))
        self.start = Once("the ledger", lambda: look(self.ports))
        self.live = Once("the live machine", self._live)
        self.machine = Once("the live machine", self._machine)

    def ahead(self) -> bool:
        """Read what the checks share, before them; whether all of it could be read."""
        read = side_by_side((self.state.ahead, self.start.ahead), lambda reading: reading())
        return all(read) and self.live.ahead() and self.machine.ahead()

    def known(self) -> tuple[Reading, Ledger]:
        """The reading and the ledger. Raises Refused where none is known."""
        return self.state().known()

    def _live(self) -> InstanceFacts:
        found = live_machine(self.ports, self.known()[1])
        if found is None:
            raise Skipped("nobody is live yet")
        return found

    def _machine(self) -> MachineSurvey:
        """By the way that a release takes: SSH as configured, `sudo -n`."""
        service = self.ports.service
        script = survey_script(("/", "/var/lib", service.code.path, *service.carry))
        command = Command(script, "look the system over", sudo=True, timeout=ASK_SECONDS)
        live = self.resource()
        return read_from(
            lambda: self.ports.managed.reach.shell(live),
            lambda shell: read_survey(live.id, shell.run(command).text),
        )

    def resource(self) -> Resource:
        """The live machine that a release would clone, as the inventory has it."""
        id_ = self.live().id
        found = self.state().inventory.resources
        machine = next((one for one in found if (one.kind, one.id) == (INSTANCE, id_)), None)
        if machine is None:
            raise Skipped(f"the inventory does not show {id_} yet")
        return machine
