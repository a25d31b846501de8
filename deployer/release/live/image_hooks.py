"""Commands on the live machine around the copy of its disk, with an end that live itself brings.

`before` may stop something there (fsfreeze), so its end is armed on live before it begins: a
transient timer of systemd that runs `after`, whatever becomes of us or of the way to live. The
script lies in /run and is in memory, so a frozen root file system does not keep it from running,
and no image holds it. We run the same script as soon as CreateImage has answered; it does its work
once. If the timer was quicker, live was not as `before` had left it, and the image is discarded.
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
from reconciler.util.duration import format_duration
from reconciler.util.polling import Backoff, looks

GRACE = 15
"""Seconds beyond its limit for which `after` waits for a line of `before` that does not end."""

ARMED, FIRED, GONE = "armed", "fired", "gone"

OLD_FAILS = 76
"""How arming ends where the end of an earlier release fails."""

_AS_TIMER = "cd /; export HOME=/root"
"""A timer has no login user's folder: what works over SSH alone is found out before it counts."""


@dataclass(frozen=True)
class HookNames:
    """What a deploy's end is called on live."""

    deploy: DeployId

    @property
    def unit(self) -> str:
        """The transient timer and its service, without a suffix."""
        return f"deployer-after-{self.deploy.stem}"

    @property
    def base(self) -> str:
        """The path of its files, without a suffix."""
        return f"/run/deployer/{self.unit}"


def arm_script(names: HookNames, after: str, seconds: int) -> str:
    """Place the script and the timer that runs it. Nothing on live has changed yet.

    The end of a release that died comes first: its timer would let live go in the middle of our
    image. Its files stay, so that its timer, and itself if it still lives, find that done.
    sh reads the file: /run is often mounted noexec.
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
    """One line of `before`, under the lock for which `after` waits.

    Every process of it inherits the lock: also what cannot be killed, such as an fsfreeze that is
    still writing back, and would freeze after it was let go. `timeout`, our parent, leads the
    process group. The group is written down before the look at `began`, and `after` looks for it
    after it has made that: one of the two sees the other. A line that was stuck on its way until
    all was over finds neither `began` nor the script, which is removed first; nor does one that
    comes after live has restarted, which takes script and timer with it.
    """
    return (
        f"exec 9> {names.base}.lock; flock 9; echo $PPID > {names.base}.group\n"
        f"[ ! -e {names.base}.began ] && [ -e {names.base}.sh ] || "
        '{ echo "its end has let live go already" >&2; exit 75; }\n'
        f"{_AS_TIMER}\n{line}\n"
    )


def after_script(names: HookNames, lines: tuple[str, ...], limit: int) -> str:
    """All lines of `after`, also where one fails; once, whoever runs it and how often.

    A line of `before` that still runs is ended first. It may not be ended at once, and what it has
    started in the background is not waited for longer than the line itself may take.
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
    """Run `after` now; the last line says how it stood before. Then the timer is not needed.

    After a restart of live there is neither timer nor script; `after` runs all the same.
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
    """The hooks of one image. `connect` opens a session on live; `limit` is that of each line.

    `boots` is how long live may take until it answers again.
    """

    deploy: DeployId
    hooks: Image
    limit: timedelta
    boots: timedelta
    connect: Callable[[], Shell]
    _shell: Shell | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)

    def before(self) -> None:
        """Arm the end, then run `before`. Raises ToolError."""
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
        """Run `after`, once; says how its timer stood: ARMED, FIRED, GONE. Raises ToolError."""
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
        """Live may be restarting, by our order, or its sshd be stopped until its timer fires."""
        script, label = end_script(self._names, self._after), "image hooks `after`"
        pace = Backoff(first=1.0, longest=5.0, deadline=self.boots.total_seconds())
        lost: ToolError | None = None
        for _ in looks(pace):
            try:
                return self._run(script, label, self._longest).text.splitlines()[-1]
            except (CannotConnect, ConnectionLost) as error:
                lost = error
        assert lost is not None
        raise lost

    @property
    def _names(self) -> HookNames:
        return HookNames(self.deploy)

    @property
    def _seconds(self) -> int:
        return math.ceil(self.limit.total_seconds())

    @property
    def _longest(self) -> int:
        """Seconds that an end may take: a line of `before` that hangs, and all of `after`."""
        return self._seconds * (1 + len(self.hooks.after)) + 2 * GRACE

    @property
    def _after(self) -> str:
        return after_script(self._names, self.hooks.after, self._seconds)

    def _run(self, script: str, label: str, limit: int) -> CommandResult:
        """On one session: opening another may need what `before` has stopped."""
        self._shell = self._shell or self.connect()
        try:
            return self._shell.run(Command(script, label, sudo=True, timeout=limit))
        except ConnectionLost:
            with suppress(ToolError):
                self._shell.close()
            self._shell = None
            raise


def refuse_let_go(state: str, hooks: Image, *, reboots: bool) -> None:
    """Refuse the image if live was not as `before` had left it. Raises ToolError."""
    if state == ARMED or (state == GONE and reboots):
        return
    if state == GONE:
        raise ToolError(
            "the live machine restarted while its image was made: the image is not used",
            cure="To try again      deployer up SERVICE",
        )
    limit = format_duration(hooks.max_stopped)
    raise ToolError(
        f"live was let go by its own timer (image.max_stopped, {limit}) before CreateImage had "
        "answered: the image is not as image.before had made it ready, and is not used",
        cure="raise image.max_stopped, or make image.before quicker",
    )
