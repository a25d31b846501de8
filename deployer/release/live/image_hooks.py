"""Commands on the live machine around the copy of its disk, with an undo that live runs by itself.

`before` may stop something there (fsfreeze), so `after` is armed on live before it runs: a
transient systemd timer runs `after` even if the deployer or its connection to live is lost. The
script lies in /run, in memory, so a frozen root file system does not block it, and no image
contains it. The deployer runs the same script as soon as CreateImage has answered; it has its
effect once. If the timer came first, live changed during the copy, and the image is discarded.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.config.service import Image
from reconciler.errors import CannotConnect, CommandFailed, ConnectionLost, ToolError
from reconciler.machine.shell import Command, CommandResult, Shell
from reconciler.model.deploy_id import DeployId
from reconciler.util.backoff import Backoff
from reconciler.util.duration import format_duration

GRACE = 15
"""Seconds beyond the limit that `after` waits for a line of `before` that does not end."""

ARMED, FIRED, GONE = "armed", "fired", "gone"

OLD_FAILS = 76
"""The exit status of arming when the `after` script of an earlier release fails."""

_AS_TIMER = "cd /; export HOME=/root"
"""Run lines as a timer does, without a login home: a line that works over SSH only fails early."""


@dataclass(frozen=True)
class HookNames:
    """The names of a deploy's `after` unit and files on live."""

    deploy: DeployId

    @property
    def unit(self) -> str:
        """The transient timer and its service, without suffix."""
        return f"deployer-after-{self.deploy.stem}"

    @property
    def base(self) -> str:
        """The path of the files, without suffix."""
        return f"/run/deployer/{self.unit}"


def arm_script(names: HookNames, after: str, seconds: int) -> str:
    """Install the script and the timer that runs it. This changes nothing else on live.

    First run the `after` scripts of dead releases: their timers would fire during our image. Their
    files stay, so that a timer, or that release if it still runs, finds the work done. The script
    is run by sh: /run is often mounted noexec.
    """
    return (
        f"set -e; umask 077; mkdir -p /run/deployer\n"
        f"for old in /run/deployer/deployer-after-*.sh; do\n"
        f'  [ -e "$old" ] && [ "$old" != {names.base}.sh ] || continue\n'
        f'  /bin/sh "$old" || {{ echo "$old fails" >&2; exit {OLD_FAILS}; }}\n'
        f"done\n"
        f"printf %s {shlex.quote(after)} > {names.base}.sh\n"
        f"systemd-run --quiet --unit={names.unit} --on-active={seconds}s"
        f" --timer-property=AccuracySec=1s --property=Type=oneshot /bin/sh {names.base}.sh\n"
    )


def before_script(names: HookNames, line: str) -> str:
    """One line of `before`, under the lock that `after` waits for.

    Every process of the line inherits the lock, also one that cannot be killed, such as an fsfreeze
    that is still writing back and would freeze after the thaw. `timeout`, our parent, leads the
    process group. The line writes its group before it checks `began`; `after` creates `began`
    before it reads the group: at least one of the two sees the other. A line that was delayed until
    all was over finds neither `began` nor the script, which is removed first; the same holds after
    a restart of live, which removes script and timer.
    """
    return (
        f"exec 9> {names.base}.lock; flock 9; echo $PPID > {names.base}.group\n"
        f"[ ! -e {names.base}.began ] && [ -e {names.base}.sh ] || "
        '{ echo "its end has let live go already" >&2; exit 75; }\n'
        f"{_AS_TIMER}\n{line}\n"
    )


def after_script(names: HookNames, lines: tuple[str, ...], limit: int) -> str:
    """All lines of `after`, even where one fails; they take effect once, however often it is run.

    A running line of `before` is ended first. If it does not end at once, `after` waits for its
    background processes no longer than the limit of the line itself.
    """
    run = "\n".join(
        f"timeout -k 5 {limit} sh -c {shlex.quote(line)} 9>&- || status=1" for line in lines
    )
    end = f'kill -s %s -- "-$(cat {names.base}.group)" 2>/dev/null'
    return (
        f"umask 077; {_AS_TIMER}; : > {names.base}.began; exec 9> {names.base}.lock\n"
        f"flock -n 9 || {{ {end % 'TERM'}; flock -w 2 9; }} ||\n"
        f"  {{ {end % 'KILL'}; flock -w {limit + GRACE} 9; }} || :\n"
        f"[ ! -e {names.base}.done ] || exit 0\n"
        f"status=0\n{run}\n"
        f"[ $status != 0 ] || : > {names.base}.done\nexit $status\n"
    )


def end_script(names: HookNames, after: str) -> str:
    """Run `after` now; the last line prints the state before it. Then stop the timer.

    After a restart of live neither timer nor script exists; `after` runs nevertheless.
    """
    base = names.base
    return (
        f"state={ARMED}; [ ! -e {base}.began ] || state={FIRED}\n"
        f"[ -e {base}.sh ] || {{ state={GONE}; umask 077; mkdir -p /run/deployer\n"
        f"  printf %s {shlex.quote(after)} > {base}.sh; }}\n"
        f"/bin/sh {base}.sh || exit\n"
        f"systemctl stop {names.unit}.timer 2>/dev/null\n"
        f"rm -f {base}.sh {base}.began {base}.group {base}.lock {base}.done\n"
        f"echo $state\n"
    )


_UNARMED = "image hooks need systemd-run on the live machine, and sudo for it"
_STILL_STOPPED = (
    "image.after of an earlier release fails on the live machine, which may be stopped since then: "
    "mend that there, then remove the file"
)


@dataclass
class ImageHooks:
    """The hooks of one image. `connect` opens a session on live; `limit` applies to each line.

    `boots` is the longest time that live may take to answer again.
    """

    deploy: DeployId
    hooks: Image
    limit: timedelta
    boots: timedelta
    connect: Callable[[], Shell]
    _shell: Shell | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)

    def before(self) -> None:
        """Arm `after`, then run `before`. Raises ToolError."""
        if not (self.hooks.before or self.hooks.after):
            return
        seconds = math.ceil(self.hooks.max_stopped.total_seconds())
        arm = arm_script(self._names, self._after, seconds)
        try:
            self._run(arm, "arming of `image.after`", self._longest)
        except CommandFailed as error:
            error.cure = _UNARMED if error.status != OLD_FAILS else _STILL_STOPPED
            raise
        self._begun = True
        for line in self.hooks.before:
            script = before_script(self._names, line)
            self._run(script, f"image hook `{line}`", self._seconds)

    def after(self) -> str:
        """Run `after` once; return the state of its timer: ARMED, FIRED, GONE. Raises ToolError."""
        try:
            return self._end() if self._begun else ARMED
        except ToolError as error:
            limit = format_duration(self.hooks.max_stopped)
            error.cure = (
                f"live runs image.after by its own timer within {limit}; "
                "if it has restarted, or image.after fails, run that there by hand"
            )
            raise
        finally:
            if self._shell is not None:
                self._shell.close()

    def _end(self) -> str:
        """Retry: CreateImage may be restarting live, or sshd be stopped until the timer fires."""
        script, label = end_script(self._names, self._after), "image hooks `after`"
        pace = Backoff(first=1.0, longest=5.0, deadline=self.boots.total_seconds())
        return pace.retry(
            lambda: self._run(script, label, self._longest).text.splitlines()[-1],
            lambda error: isinstance(error, (CannotConnect, ConnectionLost)),
        )

    @property
    def _names(self) -> HookNames:
        return HookNames(self.deploy)

    @property
    def _seconds(self) -> int:
        return math.ceil(self.limit.total_seconds())

    @property
    def _longest(self) -> int:
        """Seconds that `after` may take: a hanging line of `before`, and all of `after`."""
        return self._seconds * (1 + len(self.hooks.after)) + 2 * GRACE

    @property
    def _after(self) -> str:
        return after_script(self._names, self.hooks.after, self._seconds)

    def _run(self, script: str, label: str, limit: int) -> CommandResult:
        """Use one session: opening another may need a service that `before` has stopped."""
        self._shell = self._shell or self.connect()
        try:
            return self._shell.run(Command(script, label, sudo=True, timeout=limit))
        except ConnectionLost:
            with suppress(ToolError):
                self._shell.close()
            self._shell = None
            raise


def refuse_let_go(service: str, state: str, hooks: Image, *, reboots: bool) -> None:
    """Refuse the image if live changed before CreateImage answered. Raises ToolError."""
    if state == ARMED or (state == GONE and reboots):
        return
    if state == GONE:
        raise ToolError(
            "the live machine restarted while its image was made: the image is not used",
            cure=f"To try again      deployer up {service}",
        )
    limit = format_duration(hooks.max_stopped)
    raise ToolError(
        f"live was let go by its own timer (image.max_stopped, {limit}) before CreateImage had "
        "answered: the image is not as image.before had made it ready, and is not used",
        cure="raise image.max_stopped, or make image.before quicker",
    )
