"""A machine's pid 1 answering systemctl, journalctl and shutdown. systemctl(1)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deployer.sandbox.machines.systemd import unit_show
from deployer.sandbox.machines.systemd.manager import Manager
from deployer.sandbox.machines.systemd.unit_store import UnitProblem, UnitStore

NOT_RUNNING, UNKNOWN = 3, 4


@dataclass(frozen=True)
class SystemctlResult:
    """The output of the command, and its exit code."""

    out: str = ""
    err: str = ""
    code: int = 0


@dataclass(frozen=True)
class SystemctlCall:
    """A command line: verb, units, options by their long names (`""` for a bare one)."""

    verb: str
    units: tuple[str, ...]
    options: dict[str, str]

    def has(self, option: str) -> bool:
        """Whether an option was given."""
        return option in self.options


_WITH_VALUE = {"-p": "property", "-n": "lines", "-s": "signal", "-t": "type", "-o": "output"}
_LONG_WITH_VALUE = frozenset(("property", "lines", "signal", "type", "output", "state"))
_SHORT = {"-q": "quiet", "-a": "all", "-l": "full", "-f": "force"}


def parse(words: list[str]) -> SystemctlCall:
    """Parse the words after `systemctl`. Raises UnitProblem."""
    options: dict[str, str] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in _LONG_WITH_VALUE and not equals:
                value = next(left, "")
            _add(options, name, value)
        elif word[:2] in _WITH_VALUE:
            _add(options, _WITH_VALUE[word[:2]], word[2:] or next(left, ""))
        elif word.startswith("-") and word != "-":
            options[_SHORT.get(word, word)] = ""
        else:
            rest.append(word)
    verb, *units = rest or ["list-units"]
    return SystemctlCall(verb, tuple(units), options)


def _add(options: dict[str, str], name: str, value: str) -> None:
    """`-p A -p B` means `-p A,B`."""
    known = options.get(name)
    options[name] = f"{known},{value}" if known and name == "property" else value


@dataclass(frozen=True)
class Systemctl:
    """Answers command lines about the units of a machine."""

    manager: Manager

    async def answer(self, words: list[str]) -> SystemctlResult:
        """Execute one command line."""
        try:
            call = parse(words)
            verb = self._verbs().get(call.verb)
            if verb is None:
                return SystemctlResult(err=f"Unknown command verb {call.verb}.\n", code=1)
            return await verb(call, tuple(self.manager.expand(call.units)))
        except UnitProblem as problem:
            return SystemctlResult(err=f"{problem}\n", code=problem.code)

    @property
    def _store(self) -> UnitStore:
        return self.manager.store

    def _verbs(
        self,
    ) -> dict[str, Callable[[SystemctlCall, tuple[str, ...]], Awaitable[SystemctlResult]]]:
        return {
            "start": self._each(self.manager.start),
            "stop": self._each(self.manager.stop),
            "restart": self._each(self.manager.restart),
            "try-restart": self._each(self.manager.try_restart),
            "condrestart": self._each(self.manager.try_restart),
            "reload": self._each(self.manager.reload),
            "reload-or-restart": self._each(self.manager.reload_or_restart),
            "try-reload-or-restart": self._each(self.manager.try_restart),
            "kill": self._kill,
            "enable": self._enable,
            "disable": self._disable,
            "reenable": self._enable,
            "mask": self._mask,
            "unmask": self._unmask,
            "daemon-reload": self._reload,
            "daemon-reexec": self._reload,
            "preset": _nothing,
            "reset-failed": self._reset_failed,
            "is-active": self._is_active,
            "is-failed": self._is_failed,
            "is-enabled": self._is_enabled,
            "is-system-running": _running,
            "show": self._show,
            "status": self._status,
            "cat": self._cat,
            "list-units": self._list_units,
            "list-unit-files": self._list_unit_files,
            "poweroff": self._power,
            "halt": self._power,
            "reboot": self._power,
        }

    def _each(
        self, one: Callable[[str], Awaitable[None]]
    ) -> Callable[[SystemctlCall, tuple[str, ...]], Awaitable[SystemctlResult]]:
        """A verb that applies to each unit; a failure does not stop the others."""

        async def verb(call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
            work = asyncio.gather(*(one(name) for name in names), return_exceptions=True)
            if call.has("no-block"):
                self.manager.in_background(work)
                return SystemctlResult()
            return _together(list(await work))

        return verb

    async def _kill(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        word = call.options.get("signal", "TERM").removeprefix("SIG")
        number = int(word) if word.isdigit() else int(getattr(signal, f"SIG{word}", 0))
        for name in names:
            self.manager.service(name).signal(number)
        return SystemctlResult()

    async def _enable(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        said = []
        for name in names:
            try:
                said += self._store.enable(name)
            except UnitProblem as problem:
                raise UnitProblem(f"Failed to enable unit: {problem}") from problem
        return await self._and_now(call, names, self.manager.start, said)

    async def _disable(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        said = [line for name in names for line in self._store.disable(name)]
        return await self._and_now(call, names, self.manager.stop, said)

    async def _mask(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        runtime = call.has("runtime")
        said = [line for name in names for line in self._store.mask(name, runtime=runtime)]
        return await self._and_now(call, names, self.manager.stop, said)

    async def _unmask(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        runtime = call.has("runtime")
        said = [line for name in names for line in self._store.unmask(name, runtime=runtime)]
        await self.manager.reload_units()
        return SystemctlResult(err="" if call.has("quiet") else _lines(said))

    async def _reload(self, _call: SystemctlCall, _names: tuple[str, ...]) -> SystemctlResult:
        await self.manager.reload_units()
        return SystemctlResult()

    async def _and_now(
        self,
        call: SystemctlCall,
        names: tuple[str, ...],
        act: Callable[[str], Awaitable[None]],
        said: list[str],
    ) -> SystemctlResult:
        words = "" if call.has("quiet") else _lines(said)
        await self.manager.reload_units()
        if not call.has("now"):
            return SystemctlResult(err=words)
        answer = await self._each(act)(call, names)
        return SystemctlResult(answer.out, words + answer.err, answer.code)

    async def _reset_failed(self, _call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        for name in names or tuple(self.manager.services):
            self.manager.service(name).forget_failure()
        return SystemctlResult()

    async def _is_active(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        states = [self.manager.service(name).state.active for name in names]
        known = any(self._store.fragment(name) for name in names) or set(states) != {"inactive"}
        code = 0 if "active" in states else NOT_RUNNING if known else UNKNOWN
        return SystemctlResult(out="" if call.has("quiet") else _lines(states), code=code)

    async def _is_failed(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        states = [self.manager.service(name).state.active for name in names]
        code = 0 if "failed" in states else 1
        return SystemctlResult(out="" if call.has("quiet") else _lines(states), code=code)

    async def _is_enabled(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        states = [self._store.state(name) for name in names]
        good = {"enabled", "enabled-runtime", "static", "alias"}.intersection(states)
        code = 0 if good else UNKNOWN if set(states) == {"not-found"} else 1
        return SystemctlResult(out="" if call.has("quiet") else _lines(states), code=code)

    async def _show(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        wanted = [word for word in call.options.get("property", "").split(",") if word]
        blocks, graph = [], self.manager.graph
        for name in names:
            known = unit_show.properties(self.manager.service(name), self._store)
            if not wanted or not known.keys() >= set(wanted):
                known |= graph.properties(name)
            chosen = (
                [(key, known[key]) for key in wanted if key in known] if wanted else known.items()
            )
            lines = (value if call.has("value") else f"{key}={value}" for key, value in chosen)
            blocks.append(_lines(list(lines)))
        return SystemctlResult(out="\n".join(blocks))

    async def _status(self, _call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        blocks, codes = [], []
        for name in names:
            service = self.manager.service(name)
            if self._store.fragment(name) is None and service.state.active == "inactive":
                return SystemctlResult(err=f"Unit {name} could not be found.\n", code=UNKNOWN)
            blocks.append(unit_show.status(service, self._store))
            codes.append(0 if service.state.active in ("active", "activating") else NOT_RUNNING)
        return SystemctlResult(out="\n".join(blocks), code=max(codes, default=0))

    async def _cat(self, _call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        blocks = []
        for name in names:
            self._store.load(name)
            files = (self._store.fragment(name), *self._store.drop_ins(name))
            blocks += [f"# {path}\n{path.read_text()}" for path in files if path]
        return SystemctlResult(out="\n".join(blocks))

    async def _list_units(self, call: SystemctlCall, names: tuple[str, ...]) -> SystemctlResult:
        states = set(call.options.get("state", "").split(",")) - {""}
        rows = []
        for name, service in sorted(self.manager.services.items()):
            state = service.state
            shown = call.has("all") or state.active != "inactive"
            if shown and (not names or name in names) and (not states or state.active in states):
                about = service.unit.description if service.unit else name
                rows.append(f"{name} loaded {state.active} {state.sub} {about}")
        return SystemctlResult(out=_lines(rows))

    async def _list_unit_files(
        self, _call: SystemctlCall, names: tuple[str, ...]
    ) -> SystemctlResult:
        found = [name for name in self._store.names() if not names or name in names]
        return SystemctlResult(out=_lines([f"{name} {self._store.state(name)}" for name in found]))

    async def _power(self, call: SystemctlCall, _names: tuple[str, ...]) -> SystemctlResult:
        self.manager.power("reboot" if call.verb == "reboot" else "halt")
        return SystemctlResult()


async def _nothing(_call: SystemctlCall, _names: tuple[str, ...]) -> SystemctlResult:
    return SystemctlResult()


async def _running(_call: SystemctlCall, _names: tuple[str, ...]) -> SystemctlResult:
    return SystemctlResult(out="running\n")


def _together(done: list[BaseException | None]) -> SystemctlResult:
    """The messages of all failures, and the exit code of the last."""
    problems = [result for result in done if isinstance(result, UnitProblem)]
    for result in done:
        if isinstance(result, BaseException) and not isinstance(result, UnitProblem):
            raise result
    code = problems[-1].code if problems else 0
    return SystemctlResult(err=_lines([str(problem) for problem in problems]), code=code)


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
