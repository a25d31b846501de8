"""Runs the commands of one start of a unit: environment, directory, output to the journal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.process import groups, users
from deployer.sandbox.machines.process.journal import Journal
from deployer.sandbox.machines.process.spawner import PATH, Children, Start
from deployer.sandbox.machines.process.users import PasswdEntry
from deployer.sandbox.machines.systemd import unit_file
from deployer.sandbox.machines.systemd.unit_file import Command, Unit

# systemd's codes for a process that could not be created: "Process Exit Codes" there.
_EXIT_CHDIR, _EXIT_EXEC, _EXIT_USER = 200, 203, 217


class StartFailed(Exception):
    """A step of a start failed; `result` in systemd's terms, `code` its exit code if any."""

    def __init__(self, result: str, code: int = 0) -> None:
        super().__init__(result)
        self.result, self.code = result, code


@dataclass(frozen=True)
class Tools:
    """What all services share."""

    children: Children
    journal: Journal


@dataclass
class Run:
    """One run of a unit, from its first command to the end of its last process."""

    name: str
    tools: Tools
    invocation: str
    main_pid: int = 0

    def members(self) -> list[int]:
        """Every live process of this run."""
        return groups.members(self.main_pid, self.invocation) if self.invocation else []

    async def all(self, commands: Sequence[Command], unit: Unit) -> None:
        """Run the commands in order; raises Failed at the first failure that is not ignored."""
        for command in commands:
            _, ended = self.spawn(command, unit)
            code = await ended
            if not (command.may_fail or code in unit.success_exit_status):
                raise StartFailed("signal" if code < 0 else "exit-code", code)

    def spawn(self, command: Command, unit: Unit) -> tuple[int, asyncio.Future[int]]:
        person = self._person(unit)
        env = self._environment(unit, person)
        cwd = self._cwd(unit)
        argv = command.argv(env)
        output = self.tools.journal.open(self.name)
        ids = (person.uid, person.gid) if person else (0, 0)
        try:
            return self.tools.children.start(Start(argv, env, cwd, None, output, output, ids=ids))
        except OSError as error:
            self._note(f"Failed to execute {argv[0]}: {error.strerror}")
            raise StartFailed("exit-code", _EXIT_EXEC) from error
        finally:
            os.close(output)

    def _person(self, unit: Unit) -> PasswdEntry | None:
        """The user of `User=`; None for root."""
        person = users.find(unit.user) if unit.user else None
        if unit.user and person is None:
            self._note(f"Failed to determine user credentials: no user {unit.user}")
            raise StartFailed("exit-code", _EXIT_USER)
        return person

    def _environment(self, unit: Unit, person: PasswdEntry | None) -> dict[str, str]:
        env = {"PATH": PATH, "LANG": "C.UTF-8", "INVOCATION_ID": self.invocation}
        env |= users.environment(person) if person else {}
        env |= unit.environment
        for file in unit.environment_files:
            env |= self._read_environment(file)
        return env | ({"MAINPID": str(self.main_pid)} if self.main_pid else {})

    def _read_environment(self, file: str) -> dict[str, str]:
        try:
            return unit_file.environment_file(Path(file.removeprefix("-")).read_text())
        except OSError as error:
            if file.startswith("-"):
                return {}
            self._note(f"Failed to load environment files: {error.strerror}: {file}")
            raise StartFailed("resources") from error

    def _cwd(self, unit: Unit) -> str:
        wanted = unit.working_directory.removeprefix("-") or "/"
        if Path(wanted).is_dir():
            return wanted
        if unit.working_directory.startswith("-"):
            return "/"
        self._note(f"Changing to the requested working directory failed: {wanted}")
        raise StartFailed("exit-code", _EXIT_CHDIR)

    def _note(self, line: str) -> None:
        self.tools.journal.note(self.name, line)
