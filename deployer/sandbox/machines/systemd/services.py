"""A running service: its states and its processes, as systemd.service(5) describes them."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import deque
from dataclasses import dataclass, field

from deployer.sandbox.machines.process import groups
from deployer.sandbox.machines.systemd import conditions
from deployer.sandbox.machines.systemd.execution import Run, StartFailed, Tools
from deployer.sandbox.machines.systemd.unit_file import Unit
from deployer.sandbox.machines.systemd.unit_store import UnitProblem

_CLEAN_SIGNALS = frozenset(
    (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE),
)
_KILL_POLL = 0.01


@dataclass
class UnitProperties:
    """The values for `systemctl show`; times in microseconds of the monotonic clock."""

    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    main_pid: int = 0
    exit_code: int = 0
    condition: bool = False
    restarts: int = 0
    active_since: int = 0
    exec_since: int = 0
    inactive_until: int = 0


@dataclass
class Service:
    """One unit's service. Its operations are sequential; a stop interrupts a start."""

    name: str
    tools: Tools
    state: UnitProperties = field(default_factory=UnitProperties)
    unit: Unit | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _run: Run = field(init=False)
    _stopping: bool = False
    _watch: asyncio.Task[None] | None = None
    _starts: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._run = Run(self.name, self.tools, "")

    async def start(self, unit: Unit) -> None:
        """Start unless it runs already. Raises UnitProblem where systemctl would fail.

        A condition that does not hold is not a problem: nothing happens.
        """
        async with self._lock:
            if self.state.active == "active" or self.state.sub == "start":
                return
            self._cancel_restart()
            await self._start(unit)

    async def stop(self) -> None:
        """Stop it, including its last process; no effect if it does not run."""
        self._stopping = True
        try:
            if self.state.active == "activating":
                groups.signal_all(self._members(), signal.SIGTERM)
            async with self._lock:
                await self._stop()
        finally:
            self._stopping = False

    async def reload(self, unit: Unit) -> None:
        """Run ExecReload. Raises UnitProblem."""
        if not unit.exec_reload:
            raise UnitProblem(
                f"Failed to reload {self.name}: Job type reload is not applicable for it."
            )
        try:
            await self._run.all(unit.exec_reload, unit)
        except StartFailed as failure:
            raise UnitProblem(f"Job for {self.name} failed.") from failure

    def forget_failure(self) -> None:
        """`systemctl reset-failed`."""
        self._starts.clear()
        if self.state.active == "failed":
            self._become("inactive", "dead")
            self.state.result = "success"

    def signal(self, number: int) -> None:
        """`systemctl kill`."""
        groups.signal_all(self._members(), number)

    # Starting

    async def _start(self, unit: Unit) -> None:
        self.unit = unit
        if not self._may_start(unit):
            return
        self._count_start(unit)
        self._run = Run(self.name, self.tools, secrets.token_hex(16))
        self.state.result, self.state.exit_code = "success", 0
        self._become("activating", "start-pre" if unit.exec_start_pre else "start")
        try:
            if self.name.endswith(".service"):
                await self._start_service(unit)
            else:
                self._become("active", "waiting" if self.name.endswith(".timer") else "active")
        except StartFailed as failure:
            await self._fail(failure)
            raise UnitProblem(_job_failed(self.name, failure.result)) from failure
        if self.state.active == "active":
            self._note(f"Started {self.name} - {unit.description}.")
        elif unit.type == "oneshot":
            self._note(f"Finished {self.name} - {unit.description}.")

    def _may_start(self, unit: Unit) -> bool:
        unmet = conditions.failed(unit.conditions)
        self.state.condition = unmet is None
        if unmet is not None:
            self._note(
                f"{self.name} - {unit.description} was skipped because of an unmet condition "
                f"check (Condition{unmet.kind}={'!' * unmet.negated}{unmet.argument})."
            )
            return False
        if conditions.failed(unit.asserts) is not None:
            self._note(f"Starting {self.name} failed: assertion failed.")
            raise UnitProblem(f"Assertion failed on job for {self.name}.")
        return True

    def _count_start(self, unit: Unit) -> None:
        now = time.monotonic()
        while self._starts and now - self._starts[0] > unit.start_limit_interval:
            self._starts.popleft()
        if 0 < unit.start_limit_burst <= len(self._starts):
            self._note("Start request repeated too quickly.")
            self.state.result = "start-limit-hit"
            self._become("failed", "failed")
            raise UnitProblem(_job_failed(self.name, "start-limit-hit"))
        self._starts.append(now)

    async def _start_service(self, unit: Unit) -> None:
        await self._run.all(unit.exec_start_pre, unit)
        self._become("activating", "start")
        if unit.type in ("oneshot", "forking"):
            self.state.exec_since = _now()
            await self._run.all(unit.exec_start, unit)
            stays = unit.remain_after_exit or unit.type == "forking"
            sub = "exited" if unit.type == "oneshot" else "running"
            self._become(*(("active", sub) if stays else ("inactive", "dead")))
        else:
            self._start_main(unit)
        await self._run.all(unit.exec_start_post, unit)

    def _start_main(self, unit: Unit) -> None:
        """Type=simple: forked counts as started; a failed exec shows a moment later."""
        try:
            pid, ended = self._run.spawn(unit.exec_start[0], unit)
        except StartFailed as failure:
            if unit.type != "simple" or failure.code == 0:
                raise
            ended = asyncio.get_running_loop().create_future()
            ended.set_result(failure.code)
            pid = 0
        self.state.main_pid = self._run.main_pid = pid
        self.state.exec_since = _now()
        self._become("active", "running")
        self._watch = asyncio.ensure_future(self._watch_main(unit, ended))

    # Ending

    async def _watch_main(self, unit: Unit, ended: asyncio.Future[int]) -> None:
        code = await ended
        async with self._lock:
            if self.state.active != "active" or self.state.sub != "running":
                return
            await self._after_main(unit, code)

    async def _after_main(self, unit: Unit, code: int) -> None:
        self.state.main_pid, self.state.exit_code = 0, code
        clean = code in unit.success_exit_status or -code in _CLEAN_SIGNALS
        self.state.result = "success" if clean else "signal" if code < 0 else "exit-code"
        if not clean:
            self._note(f"{self.name}: Main process exited, status={code}")
        self._become("deactivating", "stop-sigterm")
        await self._kill_rest(unit)
        if _restarts(unit.restart, self.state.result) and not self._stopping:
            self._become("activating", "auto-restart")
            self._watch = asyncio.ensure_future(self._restart_later(unit))
        elif clean and unit.remain_after_exit:
            self._become("active", "exited")
        else:
            self._become(*(("inactive", "dead") if clean else ("failed", "failed")))

    async def _restart_later(self, unit: Unit) -> None:
        await asyncio.sleep(unit.restart_sec)
        async with self._lock:
            if self.state.sub != "auto-restart":
                return
            self.state.restarts += 1
            self._become("inactive", "dead")
            try:
                await self._start(unit)
            except UnitProblem as problem:
                self._note(str(problem))

    async def _fail(self, failure: StartFailed) -> None:
        """End what the start has begun; a stop that interrupted it is not a failure."""
        if self.unit is not None:
            await self._kill_rest(self.unit)
        self.state.result, self.state.exit_code = failure.result, failure.code
        self.state.main_pid = 0
        self._become(*(("inactive", "dead") if self._stopping else ("failed", "failed")))

    async def _stop(self) -> None:
        if self.state.sub == "auto-restart":
            self._cancel_restart()
            self._become("inactive", "dead")
        if self.unit is None or self.state.active not in ("active", "activating"):
            return
        self._become("deactivating", "stop")
        self._note(f"Stopping {self.name} - {self.unit.description}...")
        for commands in (self.unit.exec_stop, self.unit.exec_stop_post):
            try:
                await self._run.all(commands, self.unit)
            except StartFailed as failure:
                self._note(f"{self.name}: Control process failed: {failure.result}")
            await self._kill_rest(self.unit)
        self.state.main_pid = 0
        self._become("inactive", "dead")
        self._note(f"Stopped {self.name} - {self.unit.description}.")

    async def _kill_rest(self, unit: Unit) -> None:
        """Send SIGTERM to every process of this run; after the time-out SIGKILL."""
        number = getattr(signal, unit.kill_signal, signal.SIGTERM)
        groups.signal_all(self._members(), number)
        deadline = time.monotonic() + unit.timeout_stop_sec
        while left := self._members():
            if time.monotonic() > deadline:
                groups.signal_all(left, signal.SIGKILL)
            await asyncio.sleep(_KILL_POLL)

    def _members(self) -> list[int]:
        return self._run.members()

    def _cancel_restart(self) -> None:
        if self.state.sub == "auto-restart" and self._watch is not None:
            self._watch.cancel()

    def _become(self, active: str, sub: str) -> None:
        if active == "active" and self.state.active != "active":
            self.state.active_since = _now()
        rest = ("inactive", "failed")
        if self.state.active in rest and active not in rest:
            self.state.inactive_until = _now()
        self.state.active, self.state.sub = active, sub

    def _note(self, line: str) -> None:
        self.tools.journal.note(self.name, line)


def _restarts(policy: str, result: str) -> bool:
    match policy:
        case "always":
            return True
        case "on-failure":
            return result != "success"
        case "on-success":
            return result == "success"
        case "on-abnormal" | "on-abort":
            return result == "signal"
    return False


def _job_failed(name: str, result: str) -> str:
    reasons = {
        "exit-code": "the control process exited with error code",
        "signal": "a fatal signal was delivered to the control process",
        "resources": "of unavailable resources or another system error",
        "start-limit-hit": "start of the service was attempted too often",
    }
    return (
        f"Job for {name} failed because {reasons.get(result, result)}.\n"
        f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
    )


def _now() -> int:
    return time.monotonic_ns() // 1000
