"""The table of units: what kinds there are, what may start each, and whether the gate holds it.

One table for the real systemd and for the sandbox's imitation. Everything in it leaves a file with
its name in /dev/shm, which every boot begins empty, so what acted is asked in one way everywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.machine.activation_gate import ActivationGate

Held = Literal["app", "jobs", "nothing"]
"""By which class of the gate; `nothing` acts on every clone, and `doctor` names it."""

_SYSTEM = "/etc/systemd/system"
_LIBRARY = "/usr/lib/systemd/system"
_MULTI_USER = "WantedBy=multi-user.target"
_STAY = "ExecStart=/usr/local/bin/act-and-stay"
_ACT = "ExecStart=/usr/local/bin/act"
_ONCE = "Type=oneshot\nRemainAfterExit=yes"

_PROGRAMS = {
    "act": '#!/bin/sh\n: > "/dev/shm/acted.$1"\n',
    "act-and-stay": '#!/bin/sh\n: > "/dev/shm/acted.$1"\nexec sleep 100000\n',
    "act-and-fork": '#!/bin/sh\n: > "/dev/shm/acted.$1"\nsleep 100000 &\n',
    "act-and-tell": '#!/bin/sh\n: > "/dev/shm/acted.$1"\nsystemd-notify --ready\n'
    "exec sleep 100000\n",
}
ONCE = "zoo-once.service"
"""It ends at once: no state shows that it ran, and nobody may configure it as a job."""
CRON_JOB = "sleep 200000"
"""What cron has begun goes on when cron is stopped (KillMode=process)."""
_SERVED_PORT = 7002
ACTED = f"""\
if [ -e {_SYSTEM}/zoo-served.socket ]; then
  for _ in 1 2 3; do bash -c ': < /dev/tcp/127.0.0.1/{_SERVED_PORT}' 2>/dev/null || :; done
  ! systemctl is-failed --quiet zoo-served.socket || echo zoo-served.socket-failed
fi
cd /dev/shm && for f in acted.*; do [ ! -e "$f" ] || echo "${{f#acted.}}"; done
"""
"""Prints the names of the rows that have acted in this boot; somebody knocks at the socket."""
FORGET = "rm -f /dev/shm/acted.*"
"""What has acted until now."""


@dataclass(frozen=True)
class Row:
    """A kind of unit; `name` is what it leaves behind when it acts.

    `configured` is named in the service's configuration; empty where the row starts with another
    one's unit, or is not a unit. `enable` is enabled on production. `imitated`: the sandbox's
    machines can do it; what they cannot do they do not pretend to.
    """

    name: str
    about: str
    held: Held
    files: Mapping[str, str]
    configured: str = ""
    enable: tuple[str, ...] = ()
    imitated: bool = True
    acts: bool = True
    more: str = field(default="", repr=False)


def _text(unit: str, service: str, install: str) -> str:
    return f"[Unit]\n{unit}\n[Service]\n{service}\n[Install]\n{install}\n"


def _service(
    name: str,
    about: str,
    service: str,
    *,
    unit: str = "",
    install: str = _MULTI_USER,
    held: Held = "app",
    imitated: bool = True,
) -> Row:
    """A service that is configured and enabled."""
    file = f"{name}.service"
    text = _text(unit, service, install)
    return Row(name, about, held, {f"{_SYSTEM}/{file}": text}, file, (file,), imitated)


def _pulled(name: str, about: str, *, unit: str = "", install: str = "") -> Row:
    """A service that only another row starts."""
    file = f"{name}.service"
    text = _text(unit, f"{_ONCE}\n{_ACT} {name}", install)
    return Row(name, about, "app", {f"{_SYSTEM}/{file}": text}, "", (file,) if install else ())


def _trigger(name: str, kind: str, about: str, section: str) -> Row:
    """A timer, path or socket that is configured as a job; what it starts acts."""
    files = {
        f"{_SYSTEM}/{name}.{kind}": f"{section}\n[Install]\nWantedBy={kind}s.target\n",
        f"{_SYSTEM}/{name}.service": _text("", f"{_ONCE}\n{_ACT} {name}", ""),
    }
    unit = f"{name}.{kind}"
    return Row(name, about, "jobs", files, unit, (unit,), imitated=False)


_SYSV = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides: zoo-sysv
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
[ "$1" != start ] || /usr/local/bin/act-and-fork zoo-sysv
exit 0
"""
_USER_UNIT = "/home/ubuntu/.config/systemd/user/zoo-user.service"

ROWS = (
    _service("zoo-simple", "Type=simple", f"{_STAY} zoo-simple"),
    _service("zoo-worker", "a job", f"{_STAY} zoo-worker", held="jobs"),
    _service("zoo-stays", "oneshot, RemainAfterExit", f"{_ONCE}\n{_ACT} zoo-stays"),
    _service(
        "zoo-forks", "Type=forking", "Type=forking\nExecStart=/usr/local/bin/act-and-fork zoo-forks"
    ),
    _service(
        "zoo-notifies",
        "Type=notify",
        "Type=notify\nNotifyAccess=all\nExecStart=/usr/local/bin/act-and-tell zoo-notifies",
        imitated=False,
    ),
    _service("zoo-idle", "Type=idle", f"Type=idle\n{_STAY} zoo-idle"),
    _trigger("zoo-timer", "timer", "a timer and its oneshot", "[Timer]\nOnActiveSec=0"),
    _trigger("zoo-path", "path", "a path and its oneshot", "[Path]\nPathExists=/etc/hostname"),
    _trigger(
        "zoo-socket",
        "socket",
        "a socket",
        "[Socket]\nListenStream=127.0.0.1:7001\nExecStartPost=/usr/local/bin/act zoo-socket",
    ),
    Row(
        "zoo-served",
        "a service that its socket starts",
        "app",
        {
            f"{_SYSTEM}/zoo-served.service": _text("", f"{_STAY} zoo-served", ""),
            f"{_SYSTEM}/zoo-served.socket": f"[Socket]\nListenStream=127.0.0.1:{_SERVED_PORT}\n"
            "[Install]\nWantedBy=sockets.target\n",
        },
        "zoo-served.service",
        ("zoo-served.socket",),
        imitated=False,
    ),
    Row(
        "zoo-many",
        "a target with a member",
        "app",
        {f"{_SYSTEM}/zoo-many.target": f"[Install]\n{_MULTI_USER}\n"}
        | dict(_pulled("zoo-many", "", install="WantedBy=zoo-many.target").files),
        "zoo-many.target",
        ("zoo-many.target", "zoo-many.service"),
    ),
    Row(
        "zoo-once",
        "oneshot that ends, a member of that target",
        "app",
        {
            f"{_SYSTEM}/{ONCE}": _text(
                "", f"Type=oneshot\n{_ACT} zoo-once", "WantedBy=zoo-many.target"
            )
        },
        enable=(ONCE,),
    ),
    _pulled(
        "zoo-part",
        "a member that says PartOf",
        unit="PartOf=zoo-many.target",
        install="WantedBy=zoo-many.target",
    ),
    _service(
        "zoo-main",
        "Requires, Wants and BindsTo of others",
        f"{_STAY} zoo-main",
        unit="Requires=zoo-required.service\nWants=zoo-wanted.service\nBindsTo=zoo-bound.service\n"
        "After=zoo-required.service zoo-wanted.service zoo-bound.service",
    ),
    _pulled("zoo-required", "pulled in by Requires"),
    _pulled("zoo-wanted", "pulled in by Wants"),
    _pulled("zoo-bound", "pulled in by BindsTo"),
    Row(
        "zoo-mount",
        "a mount",
        "app",
        {
            f"{_SYSTEM}/srv-zoo.mount": "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=/srv/zoo\n"
            f"[Install]\n{_MULTI_USER}\n",
            f"{_SYSTEM}/zoo-mount.service": _text(
                "BindsTo=srv-zoo.mount\nAfter=srv-zoo.mount",
                f"{_ONCE}\n{_ACT} zoo-mount",
                "WantedBy=srv-zoo.mount",
            ),
        },
        "srv-zoo.mount",
        ("srv-zoo.mount", "zoo-mount.service"),
        imitated=False,
    ),
    Row(
        "zoo-instance",
        "an instance of a template",
        "app",
        {f"{_SYSTEM}/zoo-of@.service": _text("", f"{_STAY} zoo-%i", _MULTI_USER)},
        "zoo-of@instance.service",
        ("zoo-of@instance.service",),
    ),
    _service(
        "zoo-alias",
        "has an alias",
        f"{_STAY} zoo-alias",
        install=f"{_MULTI_USER}\nAlias=zoo-other-name.service",
    ),
    Row(
        "zoo-override",
        "override.conf that empties conditions",
        "app",
        {
            f"{_SYSTEM}/zoo-override.service": _text("", f"{_STAY} zoo-override", _MULTI_USER),
            f"{_SYSTEM}/zoo-override.service.d/override.conf": "[Unit]\nConditionPathExists=\n"
            "ConditionPathExists=/etc/hostname\n",
        },
        "zoo-override.service",
        ("zoo-override.service",),
    ),
    _service(
        "zoo-early",
        "DefaultDependencies=no, in sysinit.target",
        f"{_ONCE}\n{_ACT} zoo-early",
        unit="DefaultDependencies=no",
        install="WantedBy=sysinit.target",
    ),
    _service(
        "zoo-early-job",
        "the same as a job that stays",
        f"{_STAY} zoo-early-job",
        unit="DefaultDependencies=no",
        install="WantedBy=sysinit.target",
        held="jobs",
    ),
    _service(
        "zoo-or", "a condition of its own", f"{_STAY} zoo-or", unit="ConditionPathExists=|/etc"
    ),
    _service(
        "zoo-by-ssh",
        "wanted by sshd, not by a target",
        f"{_STAY} zoo-by-ssh",
        install="WantedBy=ssh.service",
    ),
    Row(
        "zoo-library",
        "a package's unit",
        "app",
        {f"{_LIBRARY}/zoo-library.service": _text("", f"{_STAY} zoo-library", _MULTI_USER)},
        "zoo-library.service",
        ("zoo-library.service",),
    ),
    Row(
        "zoo-sysv",
        "a SysV script",
        "app",
        {"/etc/init.d/zoo-sysv": _SYSV},
        "zoo-sysv.service",
        ("zoo-sysv.service",),
        imitated=False,
    ),
    Row(
        "zoo-masked",
        "masked by its owner",
        "app",
        {f"{_LIBRARY}/zoo-masked.service": _text("", f"{_STAY} zoo-masked", _MULTI_USER)},
        acts=False,
        more="mkdir -p /etc/systemd/system/multi-user.target.wants\n"
        f"ln -sf {_LIBRARY}/zoo-masked.service /etc/systemd/system/multi-user.target.wants/\n"
        "ln -sf /dev/null /etc/systemd/system/zoo-masked.service",
    ),
    Row(
        "zoo-cron",
        "a line of cron for @reboot; cron is a job",
        "jobs",
        {"/etc/cron.d/zoo": f"@reboot root /usr/local/bin/act zoo-cron; exec {CRON_JOB}\n"},
        "cron.service",
        ("cron.service",),
        imitated=False,
    ),
    Row(
        "zoo-rc-local",
        "rc.local",
        "nothing",
        {"/etc/rc.local": "#!/bin/sh\n/usr/local/bin/act zoo-rc-local\n"},
        imitated=False,
    ),
    Row(
        "zoo-user",
        "a user's unit, with linger",
        "nothing",
        {_USER_UNIT: _text("", f"{_STAY} zoo-user", "WantedBy=default.target")},
        imitated=False,
        more="mkdir -p /var/lib/systemd/linger /home/ubuntu/.config/systemd/user/"
        "default.target.wants\n"
        "touch /var/lib/systemd/linger/ubuntu\n"
        f"ln -sf {_USER_UNIT} /home/ubuntu/.config/systemd/user/default.target.wants/\n"
        "chown -R ubuntu: /home/ubuntu/.config",
    ),
)

EVERY_MINUTE = Row(
    "zoo-minute",
    "a line of cron for every minute",
    "jobs",
    {"/etc/cron.d/zoo-minute": "* * * * * root /usr/local/bin/act zoo-minute\n"},
    "cron.service",
    ("cron.service",),
    imitated=False,
)
"""Apart: who looks at it waits for the next minute."""
EVERY = (*ROWS, EVERY_MINUTE)


def gate(rows: Iterable[Row] = ROWS) -> ActivationGate:
    """The configuration of the service that these rows belong to."""
    units = [(row.held, row.configured) for row in rows if row.configured]
    return ActivationGate(
        app=tuple(unit for held, unit in units if held == "app"),
        jobs=tuple(unit for held, unit in units if held == "jobs"),
    )


def install_script(rows: Iterable[Row] = ROWS) -> str:
    """Puts the rows on a machine, enabled: they act at its next boot."""
    rows = tuple(rows)
    lines = ["set -eu"]
    lines += [_put(f"/usr/local/bin/{name}", text) for name, text in _PROGRAMS.items()]
    lines += [_put(path, text) for row in rows for path, text in row.files.items()]
    lines.append("chmod 755 /usr/local/bin/act*; chmod 755 /etc/rc.local /etc/init.d/zoo* || :")
    lines += [row.more for row in rows if row.more]
    lines.append("systemctl daemon-reload")
    enabled = " ".join(unit for row in rows for unit in row.enable)
    lines += [f"systemctl enable {enabled}", "sync"]
    return "\n".join(lines)


def may_act(open_classes: frozenset[str], rows: Iterable[Row] = ROWS) -> frozenset[str]:
    """Who acts in a boot with these classes of the gate open."""
    held = {"nothing", *open_classes}
    return frozenset(row.name for row in rows if row.acts and row.held in held)


def _put(path: str, text: str) -> str:
    coded = base64.b64encode(text.encode()).decode()
    return f"mkdir -p {path.rpartition('/')[0]}; echo {coded} | base64 -d > {path}"
