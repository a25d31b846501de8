"""What is said while the code is brought to the machines: what runs now, not what is over."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer import events as e
from deployer.output.board import Board, fold
from deployer.output.plain_text import Plain
from deployer.output.terminal import picture
from deployer.provisioning.code_archive import CodeArchive, packed
from deployer.release.context import NewMachine
from deployer.release.steps import code as code_step
from reconciler.machine.activation_gate import boot_script
from reconciler.machine.shell import Command, CommandResult
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD, GATE

CLONE, SECOND = "i-101", "i-102"
LINES = ("./bin/install --all", "true")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[CodeArchive]:
    """A release of one script."""
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "install").write_text("#!/bin/sh\n")
    (tree / "bin" / "install").chmod(0o755)
    with packed(tree) as made:
        yield made


class Watched:
    """The displays of a release, and what they showed while each install command ran."""

    def __init__(self) -> None:
        self.board, self.now = Board(), 0.0
        self.events: list[e.Event] = [e.StepBegan("code")]
        self.text = io.StringIO()
        self.plain = Plain(self.text, lambda: self.now, heartbeat=15)
        self.seen: list[tuple[str, str, str]] = []
        self(self.events[0])

    def __call__(self, event: e.Event) -> None:
        """Show an event."""
        self.events.append(event)
        self.board = fold(self.board, event, self.now)
        self.plain(event)

    def look(self, command: Command) -> None:
        """Two minutes later: the live view, and the sign of life in a pipe."""
        if command.label.startswith("install"):
            self.now += 136
            self.plain.beat()
            drawn = picture(self.board, self.now).plain
            self.seen.append((command.label, drawn, self.text.getvalue().splitlines()[-1]))


def booted(
    scene: Scene, id_: str, look: Callable[[Command], None], patch: pytest.MonkeyPatch
) -> ToldMachine:
    """A gated clone; `look` is called while each of its commands runs."""
    machine = scene.reach.machine(id_)
    machine.boot(boot_script(GATE))
    really = machine.run

    def run(command: Command, on_output: Callable[[bytes], None] | None = None) -> CommandResult:
        look(command)
        return really(command, on_output)

    patch.setattr(machine, "run", run)
    return machine


def brought(
    tmp_path: Path, archive: CodeArchive, monkeypatch: pytest.MonkeyPatch, *ids: str
) -> Watched:
    """The step on these machines, whose upload counts to its end."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    shown = Watched()
    said = {"source": ".", "path": "/srv/shop", "install": list(LINES)}
    run = leased(scene, emit=shown, code=said)
    machines = [booted(scene, id_, shown.look, monkeypatch) for id_ in ids]
    run.created.machines = tuple(
        NewMachine(one.instance, f"10.0.2.{n}", one) for n, one in enumerate(machines)
    )
    for machine in machines:  # what `ship` leaves there
        machine.write("/srv/shop/bin/install", "#!/bin/sh\n", 0o755)
    monkeypatch.setattr(code_step, "ship", lambda *given: given[3](archive.size, archive.size))
    code_step.code(run)
    shown.plain.close()
    return shown


def test_while_an_install_command_runs_it_is_named(
    tmp_path: Path, archive: CodeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not the upload, which is over: on the board, in a pipe, in the events."""
    shown = brought(tmp_path, archive, monkeypatch, CLONE)
    assert [label for label, *_ in shown.seen] == [f"install `{line}`" for line in LINES]
    for (_, drawn, last), line in zip(shown.seen, LINES, strict=True):
        others = [one for one in LINES if one != line]
        for text in (drawn, last):
            assert f"runs install `{line}`" in text
            assert " kB of " not in text
            assert not any(f"`{one}`" in text for one in others)
    assert "136s" in shown.seen[0][2]


def test_several_machines_say_each_command_once(
    tmp_path: Path, archive: CodeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They run side by side: one line a command, however many machines there are."""
    shown = brought(tmp_path, archive, monkeypatch, CLONE, SECOND)
    notes = [one.text for one in shown.events if isinstance(one, e.StepNote)]
    assert notes == [f"uploaded; runs install `{line}`" for line in LINES]
