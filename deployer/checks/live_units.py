"""Looks up the configured units on the live machines, before any create."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.ports import Ports
from reconciler.errors import NotTried, Refused, ToolError, refusal_for
from reconciler.gc.verdict import Role
from reconciler.machine import unit_state
from reconciler.machine.activation_gate import GENERATOR, ActivationGate
from reconciler.machine.shell import Command, Shell, read_from
from reconciler.machine.unit_state import Known
from reconciler.model.resource import INSTANCE, Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.util.concurrency import side_by_side

ASK_SECONDS = 60.0


def gate_of(ports: Ports) -> ActivationGate:
    """The units of the service, as now configured."""
    app = ports.service.app
    return ActivationGate(app.units, app.jobs, app.jobs_on == "first")


def check_live(
    ports: Ports, service_plan: ServicePlan, despite: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Look up the units on every running live machine; return what else acts on a clone.

    Raises Refused for a unit that cannot be gated, or a machine that does not answer: a unit that
    could not be looked up may not exist. `despite` names units that this release installs, and
    machines to skip.
    """
    live = (verdict.resource for verdict in service_plan.verdicts if verdict.reason is Role.LIVE)
    machines = [one for one in live if one.kind == INSTANCE and one.state == "running"]
    asked = [machine for machine in machines if machine.id not in despite]
    answers = side_by_side(asked, lambda one: _ask(ports, one))
    return judged(ports, [answer for answer in answers if answer is not None], despite)


def judged(
    ports: Ports, found: Sequence[Known], despite: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """What else acts on every clone. Raises Refused for a unit that forbids a release."""
    gate, name = gate_of(ports), ports.service.name
    shut = next((one for one in found if one.shut and unit_state.problems(gate, one)), None)
    if shut is not None:
        raise _shut(ports, shut)
    bad = [
        problem
        for known in found
        for problem in unit_state.problems(gate, known)
        if not is_accepted(problem.unit, despite) or _is_mistyped(ports, problem.unit, known)
    ]
    wrong = list(dict.fromkeys(bad))
    if wrong:
        raise Refused(
            f"{name} cannot be released with a unit: {unit_state.first_words(wrong[:1])}",
            detail="\n".join(unit_state.first_words([one]) for one in wrong),
            cure=(
                f"To name it as it is         app.units and app.jobs of services/{name}.toml\n"
                f"If this release brings it   deployer up {name} --despite {wrong[0].unit}"
            ),
        )
    lines = (line for known in found for line in unit_state.warnings(gate, known))
    return tuple(dict.fromkeys(lines))


def _shut(ports: Ports, known: Known) -> Refused:
    """The gate is closed on a machine that should serve: systemd does not see its units."""
    bad = unit_state.problems(gate_of(ports), known)
    return Refused(
        f"{ports.service.name} cannot be released: {unit_state.first_words(bad[:1])}",
        detail="\n".join(unit_state.first_words([one]) for one in bad),
        cure=f"If it is to serve, on {known.machine}, and start its units then\n"
        f"sudo rm {GENERATOR} && sudo systemctl daemon-reload",
    )


def _is_mistyped(ports: Ports, unit: str, known: Known) -> bool:
    """Whether the unit exists under a similar name: then the release does not install it.

    Raises Refused: the existing unit would act on the clone, and `--despite` would allow it.
    """
    there = unit_state.meant(unit, known)
    if not there:
        return False
    name = ports.service.name
    raise Refused(
        f"{unit} is not on {known.machine}, but {there} is, which acts on every clone",
        cure=f"To name it as it is, or both   app.units and app.jobs of services/{name}.toml",
    )


def refuse_not_brought(
    gate: ActivationGate, shells: Sequence[Shell], despite: frozenset[str]
) -> None:
    """Check, before live is touched, that the units this release should install exist.

    A masked unit loads with or without a file, so the file itself is looked for.
    """
    brought = [one for one in gate.all if is_accepted(one, despite)]
    if not brought:
        return
    command = Command(unit_state.missing_script(brought), "look for new units", sudo=True)
    missing = [one for shell in shells for one in shell.run(command).text.split()]
    if missing:
        raise ToolError(
            f"{missing[0]} is not there: this release, named by --despite, does not bring it",
            cure="name the unit as it is in app.units or app.jobs, or let code.install bring it",
        )


def ask(shell: Shell, machine: str, gate: ActivationGate) -> Known:
    """Read the units' state from one machine. Raises subclasses of ShellError."""
    command = Command(
        unit_state.ask_script(gate), "look the units up", sudo=True, timeout=ASK_SECONDS
    )
    return unit_state.read(machine, shell.run(command).text)


def _ask(ports: Ports, machine: Resource) -> Known | None:
    try:
        return read_from(
            lambda: ports.managed.reach.shell(machine),
            lambda shell: ask(shell, machine.id, gate_of(ports)),
        )
    except NotTried:
        return None
    except ToolError as error:
        name = ports.service.name
        raise refusal_for(error)(
            f"the units of {name} could not be looked up on {machine.id}: {error.message}",
            detail=error.detail,
            cure=f"To go on without asking it   deployer up {name} --despite {machine.id}",
        ) from error


def is_accepted(unit: str, despite: frozenset[str]) -> bool:
    """Whether `--despite` names the unit; `.service` may be left out."""
    return unit in despite or unit.removesuffix(".service") in despite
