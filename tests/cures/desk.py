"""Both command lines in this process, over the fakes: what is typed, and what is pasted.

A release goes as far as its first step: the guard lets it through, and it holds its lease. That
step fails, and everything is undone. What the steps do is the end-to-end tests' matter.
"""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NoReturn

import pytest

import deployer.release.up
import deployer.wiring
import reconciler.aws.tagging
import reconciler.cli.daemon.iteration
import reconciler.wiring.fleet_builder
from deployer.ports import Ports
from deployer.release.context import ReleaseContext
from deployer.release.up import Step
from reconciler.cli.shared import ended
from reconciler.config.loader import Settings, load
from reconciler.config.reconciler import Reconciler
from reconciler.errors import ToolError
from reconciler.model.reading import ARecord
from reconciler.model.resource import Resource
from reconciler.model.tags import HOLD
from reconciler.ports.fleet import Fleet
from tests.fakes.scene import Scene, service
from tests.support.cures import GROUPS, ROOT

UNDER_WAY = "the guard has let it through, and it holds its lease"
ASKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("abort", "recover", "leave", "retire", "move"), ("--yes",)),
    "adopt": ("--yes", "--trust-shown-key"),
}
"""Commands that ask on a terminal, and what a person who has looked answers."""


@dataclass(frozen=True)
class Screen:
    """What a command has ended with, what it has printed, and the product's functions it called."""

    code: int
    text: str
    called: frozenset[str]

    @property
    def under_way(self) -> bool:
        """Whether it is a release that came as far as its first step."""
        return UNDER_WAY in self.text


def _fails(_: object) -> NoReturn:
    raise ToolError(UNDER_WAY)


@dataclass
class Desk:
    """Somebody at a terminal, in front of a scene. `changes` are of the service's file."""

    scene: Scene
    root: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    changes: dict[str, Any] = field(default_factory=dict)
    placed: Callable[[Ports], Ports] = lambda ports: ports
    """What else is different in the configuration: where the record is."""
    named: str = "shop"
    """What the file of the service is called."""
    after_exit: Callable[[], None] = lambda: None
    config: Path | None = None
    """Where the configuration is read from its files; None: it is made of `changes`."""

    def __post_init__(self) -> None:
        source = self.root / "source"
        source.mkdir()
        (source / "VERSION").write_text("v2")
        self.changes["code"] = {"source": str(source), "path": "/srv/shop"}
        self.release_begins()
        self.patch.setattr(deployer.wiring, "wired", lambda *_, **__: self.ports())
        for module in (reconciler.wiring.fleet_builder, reconciler.cli.daemon.iteration):
            self.patch.setattr(module, "build_fleet", self._fleet)
        self.patch.setattr(reconciler.aws.tagging, "hold", self._hold)

    def release_begins(self) -> None:
        """A release goes as far as its first step, as at first."""
        self.release_does(_fails)

    def release_does(self, *acts: Callable[[ReleaseContext], str]) -> None:
        """The steps of a release from now on."""
        steps = tuple(Step("image", act) for act in acts)
        self.patch.setattr(deployer.release.up, "STEPS", steps)

    def ports(self) -> Ports:
        """What a command works with."""
        ports = self.scene.ports(**self.changes)
        return self.placed(ports if self.named == "shop" else _named(ports, self.named))

    def _hold(self, _: object, resource: Resource, reason: str) -> None:
        self.scene.heap.change(resource.id, tags={HOLD: reason})

    def _fleet(self, *_: object) -> Fleet:
        return Fleet((self.ports().managed,))

    def _settings(self, _: object) -> Settings:
        if self.config is not None:
            return load(self.config)
        configured = {"shop": service(**self.changes)}
        if self.named != "shop":
            configured[self.named] = service(**self.changes, name=self.named)
        return Settings(self.root, configured, Reconciler())

    def types(self, line: str) -> Screen:
        """Run a line as it stands, --yes where a terminal would be asked."""
        program, *words = shlex.split(line)
        yes: Sequence[str] = () if "--yes" in words else ASKS.get(words[0], ())
        yes = ("--yes",) if "--follow" in words else yes
        called: set[CodeType] = set()

        def profile(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                called.add(frame.f_code)

        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            code = ended(GROUPS[program], [*words, *yes], self._settings)
        except SystemExit as left:  # at once, by a second Ctrl-C
            code = left.code if isinstance(left.code, int) else 1
            self.after_exit()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        out, err = self.capture.readouterr()
        return Screen(code, f"{out}\n{err}", frozenset(_names(called)))


def _names(called: set[CodeType]) -> Iterator[str]:
    for code in called:
        file = Path(code.co_filename)
        if file.is_relative_to(ROOT):
            yield f"{file.relative_to(ROOT)}::{code.co_name}"


def _named(ports: Ports, name: str) -> Ports:
    """The same, of a file of another name: its ledger is another one."""
    managed = ports.managed
    address = replace(managed.address, service=name)
    home = replace(managed.home, service=name, ledger=str(address))
    configured = ports.service.model_copy(update={"name": name})
    return replace(ports, service=configured, managed=replace(managed, address=address, home=home))


def www_names(desk: Desk, address: str) -> None:
    """Another name of the zone leads there."""
    desk.scene.ledgers.zone.records["www.example.com"] = ARecord(60, (address,))


def www_gone(desk: Desk) -> None:
    """That name is deleted."""
    del desk.scene.ledgers.zone.records["www.example.com"]
