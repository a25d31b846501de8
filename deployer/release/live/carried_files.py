"""Files that the service writes to its own disk: brought from live to the new machines.

A first pass runs while live takes writes, and moves the bulk. The last one runs while the database
refuses them, and the rest follows right before the commit: a request that had got its answer by the
freeze may still be writing its file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from deployer import events as e
from deployer.ports import Ports
from deployer.provisioning.files.carry import Carried, CarrySessions, LiveListing, Pass
from deployer.provisioning.files.stream import Folder
from deployer.release.context import ReleaseContext
from reconciler.errors import NotTried, Refused, ToolError, refusal_for
from reconciler.gc.verdict import Role
from reconciler.machine.files import listing
from reconciler.machine.shell import Command, Shell, read_from
from reconciler.model.resource import INSTANCE, Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.util.concurrency import side_by_side
from reconciler.util.humanize import span

MARKER = "/var/lib/deployer/files-since"
"""Touched on a machine when it is about to go live: a rollback counts what is newer."""

_MARGIN = 300.0
"""Seconds before the birth of a release from which a file counts as changed since its image.

An image is consistent after a crash, no more: what was written just before may lack its content.
Clocks may differ by as much.
"""

_SECONDS = 60.0


def live_machines(service_plan: ServicePlan) -> list[Resource]:
    """The running machines of the live release: each may have files of its own."""
    return [one for one in _of_live(service_plan) if one.state == "running"]


def _of_live(service_plan: ServicePlan) -> list[Resource]:
    live = (verdict.resource for verdict in service_plan.verdicts if verdict.reason is Role.LIVE)
    return [one for one in live if one.kind == INSTANCE]


def refuse_files(ports: Ports, service_plan: ServicePlan) -> str:
    """What live says of the folders to carry. Raises Refused where they cannot be carried."""
    folders, name = ports.service.carry, ports.service.name
    if not folders:
        return f"files = {ports.service.files}"
    for machine in _of_live(service_plan):
        if machine.state != "running":
            raise Refused(
                f"{name}: the files of {machine.id}, of the live release, cannot be read: "
                f"it is {machine.state}",
                cure=f"To start it   aws ec2 start-instances --instance-ids {machine.id}",
            )
        found = _problems(ports, machine)
        if found:
            raise Refused(
                f"{name}: not every file can be carried from {machine.id}: {found[0]}",
                detail="\n".join(found[1:]),
                cure=f"To say what is carried   carry = [...] in services/{name}.toml",
            )
    return ", ".join(folders)


def _problems(ports: Ports, machine: Resource) -> tuple[str, ...]:
    script = listing.check_script(ports.service.carry)
    command = Command(script, "look at the files to carry", sudo=True, timeout=_SECONDS)
    try:
        return read_from(
            lambda: ports.managed.reach.shell(machine),
            lambda shell: listing.problems(shell.run(command).text),
        )
    except NotTried:
        return ()
    except ToolError as error:
        raise refusal_for(error)(
            f"the files to carry could not be looked at on {machine.id}: {error.message}",
            detail=error.detail,
            cure=error.cure or f"To see why   deployer doctor {ports.service.name}",
        ) from error


def first_pass(run: ReleaseContext) -> None:
    """Bring what has changed since the image was taken; live goes on writing."""
    if not run.ports.service.carry:
        return
    for machine in live_machines(run.start.service_plan):
        run.files.sessions.append(run.ports.managed.reach.shell(machine))
    if run.ports.service.instance.image_from != "base":
        _refuse_unmounted(run)
    _pass(run, "database", "first pass", Pass.whole)


def _refuse_unmounted(run: ReleaseContext) -> None:
    """Refuse where a clone has a folder on another mount than live.

    A volume of live that a clone does not mount (no line in fstab, or one with `nofail`) would be
    written to the root disk, below the place where a later mount hides it. A base image has disks
    of its own.
    """
    for path in run.ports.service.carry:
        wanted = {_mount(path, shell) for shell in run.files.sessions}
        for machine in run.created.machines:
            found = _mount(path, machine.shell)
            if found not in wanted:
                on_live = " or ".join(sorted(wanted))
                raise Refused(
                    f"{path} is on the volume mounted at {on_live} on live, and on the one "
                    f"mounted at {found} on {machine.id}: its files would go to another disk",
                    cure="Mount it at every boot, by UUID, in /etc/fstab of live: its clones get "
                    "that file\n"
                    f"To look at a clone   deployer rehearse {run.deploy.service} --keep 2h",
                )


def _mount(path: str, shell: Shell) -> str:
    script = listing.mount_script(path)
    command = Command(script, f"see what {path} is on", sudo=True, timeout=_SECONDS)
    return shell.run(command).text.strip()


def last_pass(run: ReleaseContext) -> None:
    """Bring what was written until the freeze. The machines must not have started their app."""
    _pass(run, "database", "last pass", Pass.whole)


def rest(run: ReleaseContext) -> None:
    """Right before the commit: the files of requests that were still being answered."""
    _pass(run, "commit", "rest", Pass.rest)
    mark(run.ports, [machine.shell for machine in run.created.machines])


def mark(ports: Ports, shells: Sequence[Shell]) -> None:
    """From now on what these machines write is theirs alone."""
    if not ports.service.carry:
        return
    script = f"mkdir -p {MARKER.rpartition('/')[0]} && touch {MARKER}"
    command = Command(script, "mark the time", sudo=True, timeout=_SECONDS)
    side_by_side(shells, lambda shell: shell.run(command))


def _pass(
    run: ReleaseContext,
    step: str,
    name: str,
    act: Callable[[Pass], tuple[LiveListing, Carried]],
) -> None:
    if not run.files.sessions:
        return
    began, done = time.monotonic(), Carried()
    machines = CarrySessions(
        run.files.sessions, [machine.shell for machine in run.created.machines]
    )
    since = run.deploy.born.timestamp() - _MARGIN
    for path in run.ports.service.carry:
        folder = Folder(path, run.within(run.ports.service.limits.copy_))
        told = _progress(run, step, path)
        one = Pass(machines, folder, told, run.files.listed.get(path), since)
        run.files.listed[path], carried = act(one)
        done += carried
    run.files.carried += done
    run.note(step, f"files, {name}: {done} in {span(round(time.monotonic() - began, 1))}")


def _progress(run: ReleaseContext, step: str, path: str) -> Callable[[int], None]:
    total = 0

    def add(size: int) -> None:
        nonlocal total
        total += size
        run.emit(e.StepProgress(step, f"{path} carried", total, None, "B"))

    return add
