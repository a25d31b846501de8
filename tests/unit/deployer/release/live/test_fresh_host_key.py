"""A key that is made on the machine replaces the first one: no moment shuts anybody out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.live.fresh_host_key import MAKE, SERVE, SERVED_WITHIN, fresh_host_keys
from reconciler.errors import AccessDenied, CannotConnect, CommandFailed
from reconciler.machine.host_key import (
    HostKeyChange,
    PinnedKey,
    PublicHostKey,
    make_host_key,
    parse_pinned,
)
from reconciler.machine.ssh import MachineAddress
from reconciler.model import tags as t
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD

MACHINES = ("i-17", "i-9")
REQUESTS = (
    "make a host key on i-17",
    "tag i-17",
    "serve the new host key on i-17",
    "tag i-17 again",
)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two machines, whose tags have the key from the user data."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def begun(scene: Scene) -> ReleaseContext:
    """A release that has connected to its machines."""
    run = leased(scene)
    found = []
    for number, id_ in enumerate(MACHINES):
        machine = scene.reach.machine(id_)
        machine.host = f"10.0.2.{number}"
        scene.connector.at[machine.host] = machine
        first = run.created.host_key.public.tag_value
        machine.write("/units/sshd.key", first)
        scene.heap.change(id_, tags={t.HOST_KEY: first})
        found.append(NewMachine(id_, machine.host, machine))
    run.created.machines = tuple(found)
    scene.acts.clear()
    return run


def shown(machine: ToldMachine) -> PublicHostKey:
    """The key that its sshd shows."""
    return PublicHostKey.parse(machine.path("/units/sshd.key").read_text())


def accepted(scene: Scene, id_: str) -> bool:
    """Whether a process that has only the tags would connect."""
    pinned = parse_pinned(scene.heap.at(id_).tags[t.HOST_KEY])
    return pinned.accepts(shown(scene.reach.machine(id_)).blob)


def test_each_machine_has_a_key_that_no_user_data_has(scene: Scene) -> None:
    """Its own, in its tag alone; the first one is not accepted any more."""
    run = begun(scene)
    fresh_host_keys(run)
    tags = {scene.heap.at(id_).tags[t.HOST_KEY] for id_ in MACHINES}
    assert len(tags) == len(MACHINES)
    assert run.created.host_key.public.tag_value not in tags
    for id_ in MACHINES:
        assert parse_pinned(scene.heap.at(id_).tags[t.HOST_KEY]) == shown(scene.reach.machine(id_))
        assert "PRIVATE" in scene.reach.machine(id_).read("/etc/ssh/ssh_host_ed25519_key")
    assert [one.id for one in run.created.machines] == list(MACHINES)


def test_the_tag_has_both_before_sshd_can_show_the_new_one(scene: Scene) -> None:
    """Exactly the two: not the new one alone, and no third."""
    run = begun(scene)
    told: list[str] = []

    def look(act: str) -> None:
        if act == "serve the new host key on i-17":
            told.append(scene.heap.at("i-17").tags[t.HOST_KEY])

    scene.acts.then = look
    fresh_host_keys(run)
    [tag] = told
    both = parse_pinned(tag)
    assert isinstance(both, HostKeyChange)
    assert both.old == run.created.host_key.public
    assert both.new == shown(scene.reach.machine("i-17"))
    assert not both.accepts(make_host_key().public.blob)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_kill_at_any_request_shuts_nobody_out(scene: Scene, request_: str, when: str) -> None:
    """Whatever was done by then, the machine shows a key that its tag has."""
    run = begun(scene)
    run.created.machines = run.created.machines[:1]
    name, again = request_.removesuffix(" again"), request_.endswith(" again")
    left = [REQUESTS.index(request_) + (when == "after")]

    def kill(act: str) -> None:
        del act
        if not left[0]:
            raise Killed
        left[0] -= 1

    scene.acts.then = kill
    if (name, again, when) == ("tag i-17", True, "after"):
        fresh_host_keys(run)  # that was the last one
    else:
        with pytest.raises(Killed):
            fresh_host_keys(run)
    assert accepted(scene, "i-17")


def test_a_command_that_runs_twice_makes_one_pair(scene: Scene) -> None:
    """The network repeats it: a second pair would be one that no tag names."""
    machine = scene.reach.machine("i-17")
    made = [machine.sh(MAKE) for _ in range(2)]
    assert [one.returncode for one in made] == [0, 0]
    assert made[0].stdout == made[1].stdout
    assert machine.read("/calls").split() == ["ssh-keygen"]
    assert [machine.sh(SERVE).returncode for _ in range(2)] == [0, 0]
    assert shown(machine) == PublicHostKey.parse(made[0].stdout.decode())
    assert not machine.path("/run/deploy_host_key").exists()


def test_a_power_cut_does_not_bring_the_first_key_back(scene: Scene) -> None:
    """The new one is synced to the disk while the pair in memory is still there."""
    machine = scene.reach.machine("i-17")
    synced, pair = machine.path("/synced"), machine.path("/run/deploy_host_key")
    machine.write("/bin/sync", f"#!/bin/sh\n[ ! -s {pair} ] || : > {synced}\n", 0o755)
    assert machine.sh(MAKE).returncode == 0
    assert not synced.exists()
    assert machine.sh(SERVE).returncode == 0
    assert synced.exists()


def _deaf(scene: Scene) -> None:
    scene.reach.machine("i-17").flag("sshd", "deaf")


def _refused(scene: Scene) -> None:
    scene.compute.failing["tag"] = AccessDenied("not allowed to tag")


def _no_keygen(scene: Scene) -> None:
    scene.reach.machine("i-17").write("/bin/ssh-keygen", "#!/bin/sh\nexit 127\n", 0o755)


@pytest.mark.parametrize(
    ("wrong", "raised"),
    [(_deaf, CannotConnect), (_refused, AccessDenied), (_no_keygen, CommandFailed)],
)
def test_what_fails_ends_the_release_and_shuts_nobody_out(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Scene], None],
    raised: type[Exception],
) -> None:
    """No release goes live with a key that is in its user data."""
    monkeypatch.setattr("deployer.release.live.fresh_host_key.SERVED_WITHIN", 0.2)
    run = begun(scene)
    wrong(scene)
    with pytest.raises(raised):
        fresh_host_keys(run)
    assert accepted(scene, "i-17")


def test_a_third_key_ends_it_at_once(scene: Scene) -> None:
    """Somebody else answers at that address: there is nothing to wait for."""
    run = begun(scene)

    def intrude(act: str) -> None:
        if act.startswith("serve"):
            scene.connector.keys["10.0.2.0"] = make_host_key().public

    scene.acts.then = intrude
    began = monotonic()
    with pytest.raises(CannotConnect):
        fresh_host_keys(run)
    assert monotonic() - began < SERVED_WITHIN / 2


def test_a_slow_way_has_time_to_connect(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy command may take seconds to begin: the first try has all the time that there is."""
    run, limits = begun(scene), list[float]()
    connect = scene.connector.connect

    def noted(machine: MachineAddress, key: PinnedKey, deadline: float, *rest: Any) -> ToldMachine:
        limits.append(deadline)
        return connect(machine, key, deadline, *rest)

    monkeypatch.setattr(scene.connector, "connect", noted)
    fresh_host_keys(run)
    assert len(limits) == len(MACHINES)
    assert min(limits) > SERVED_WITHIN / 2
