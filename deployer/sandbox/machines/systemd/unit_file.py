"""The text of systemd units as values, with systemd's rules; pure.

Source: systemd.syntax(7), systemd.unit(5), systemd.service(5), systemd.exec(5). Only the directives
that a service of ours may need; unknown ones are ignored, as in systemd.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from deployer.sandbox.machines import unimitated

SUFFIXES = (".service", ".timer", ".socket", ".target", ".path", ".mount", ".slice")
_PREFIXES = "-@:+!"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "us": 1e-6, "m": 60.0, "min": 60.0}
_UNITS |= {"h": 3600.0, "hr": 3600.0, "d": 86400.0}
_TRIGGERS = {"timer": ("Timer", "Unit"), "path": ("Path", "Unit"), "socket": ("Socket", "Service")}
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}")

Sections = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Command:
    """One line of ExecStart or similar: words before variables are expanded."""

    words: tuple[str, ...]
    may_fail: bool = False

    def argv(self, env: Mapping[str, str]) -> list[str]:
        """`$NAME` as a separate word is split at spaces, `${NAME}` is replaced in place."""
        found: list[str] = []
        for word in self.words:
            if re.fullmatch(r"\$\w+", word):
                found += env.get(word[1:], "").split()
            else:
                found.append(_VARIABLE.sub(lambda match: _put_in(match, env), word))
        return found


@dataclass(frozen=True)
class Check:
    """A Condition…= or Assert…=: kind (`PathExists`), argument, whether negated by `!`."""

    kind: str
    argument: str
    negated: bool = False


@dataclass(frozen=True)
class Unit:
    """A unit with its drop-ins; times in seconds. The fields have systemd's names."""

    name: str
    description: str = ""
    after: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    binds_to: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    conditions: tuple[Check, ...] = ()
    asserts: tuple[Check, ...] = ()
    type: str = "simple"
    exec_start_pre: tuple[Command, ...] = ()
    exec_start: tuple[Command, ...] = ()
    exec_start_post: tuple[Command, ...] = ()
    exec_reload: tuple[Command, ...] = ()
    exec_stop: tuple[Command, ...] = ()
    exec_stop_post: tuple[Command, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    working_directory: str = ""
    user: str = ""
    restart: str = "no"
    restart_sec: float = 0.1
    remain_after_exit: bool = False
    timeout_stop_sec: float = 90.0
    kill_signal: str = "SIGTERM"
    success_exit_status: frozenset[int] = frozenset((0,))
    start_limit_burst: int = 5
    start_limit_interval: float = 10.0
    wanted_by: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def full_name(name: str) -> str:
    """`shop` means `shop.service`."""
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def sections(texts: Iterable[str]) -> Sections:
    """Main file and drop-ins, in order; an empty assignment clears earlier values."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for text in texts:
        section = ""
        for line in _lines(text):
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
            elif "=" in line:
                key, value = (part.strip() for part in line.split("=", 1))
                keys = found.setdefault(section, {})
                keys[key] = (*keys.get(key, ()), value) if value else ()
    return found


def _lines(text: str) -> Iterable[str]:
    """Without comments; a backslash at the end continues the line."""
    pending = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            pending += line[:-1].rstrip() + " "
            continue
        yield pending + line
        pending = ""
    if pending:
        yield pending


def unit(name: str, texts: Iterable[str]) -> Unit:
    """The unit of that name. Raises ValueError where systemd would refuse to load it."""
    told = sections(texts)
    unimitated.refuse_unit(name, told)
    about, service, install = (told.get(key, {}) for key in ("Unit", "Service", "Install"))
    commands = _Commands(name, service)
    made = Unit(
        name=name,
        description=_last(about, "Description", name),
        conditions=_checks(about, "Condition"),
        asserts=_checks(about, "Assert"),
        type=_last(service, "Type", "simple"),
        exec_start_pre=commands("ExecStartPre"),
        exec_start=commands("ExecStart"),
        exec_start_post=commands("ExecStartPost"),
        exec_reload=commands("ExecReload"),
        exec_stop=commands("ExecStop"),
        exec_stop_post=commands("ExecStopPost"),
        environment=_environment(name, service),
        environment_files=tuple(
            _specify(file, name) for file in service.get("EnvironmentFile", ())
        ),
        working_directory=_specify(_last(service, "WorkingDirectory"), name),
        user=_specify(_last(service, "User"), name),
        restart=_last(service, "Restart", "no"),
        restart_sec=span(_last(service, "RestartSec", "100ms")),
        remain_after_exit=_truth(_last(service, "RemainAfterExit")),
        timeout_stop_sec=_timeout(service),
        kill_signal=_last(service, "KillSignal", "SIGTERM"),
        success_exit_status=frozenset((0, *_numbers(service, "SuccessExitStatus"))),
        start_limit_burst=int(_last(about, "StartLimitBurst", "5")),
        start_limit_interval=span(_last(about, "StartLimitIntervalSec", "10s")),
        wanted_by=_words(install, "WantedBy"),
        required_by=_words(install, "RequiredBy"),
        aliases=_words(install, "Alias"),
    )
    _check(made)
    return _with_dependencies(made, told)


def _with_dependencies(made: Unit, told: Sections) -> Unit:
    about, name = told.get("Unit", {}), made.name

    def words(key: str) -> tuple[str, ...]:
        return tuple(_specify(word, name) for word in _words(about, key))

    return replace(
        made,
        after=words("After"),
        wants=words("Wants"),
        requires=words("Requires"),
        binds_to=words("BindsTo"),
        part_of=words("PartOf"),
        triggers=_triggers(name, told),
    )


def _triggers(name: str, told: Sections) -> tuple[str, ...]:
    """The unit that a timer, path or socket starts: of the same name by default."""
    stem, _, kind = name.rpartition(".")
    if kind not in _TRIGGERS:
        return ()
    return (_last(told.get(_TRIGGERS[kind][0], {}), _TRIGGERS[kind][1], f"{stem}.service"),)


def _check(made: Unit) -> None:
    if not made.name.endswith(".service"):
        return
    if not made.exec_start and not (made.type == "oneshot" and made.exec_stop):
        raise ValueError("Service has no ExecStart= setting. Refusing.")
    if len(made.exec_start) > 1 and made.type != "oneshot":
        raise ValueError("more than one ExecStart= is for Type=oneshot only. Refusing.")


@dataclass(frozen=True)
class _Commands:
    name: str
    service: Mapping[str, tuple[str, ...]]

    def __call__(self, key: str) -> tuple[Command, ...]:
        return tuple(_command(line, self.name) for line in self.service.get(key, ()))


def _command(line: str, name: str) -> Command:
    bare = line.lstrip(_PREFIXES)
    prefix = line[: len(line) - len(bare)]
    words = [_specify(word, name) for word in shlex.split(bare)]
    if not words:
        raise ValueError(f"empty command in {line!r}")
    if "@" in prefix and len(words) > 1:
        del words[1]  # argv[0] as the program will see it
    return Command(tuple(words), may_fail="-" in prefix)


def _specify(text: str, name: str) -> str:
    """Expand the specifiers of systemd.unit(5) that apply here."""
    stem = name.rsplit(".", 1)[0]
    prefix, _, instance = stem.partition("@")
    known = {"n": name, "N": stem, "p": prefix, "i": instance, "I": instance}
    known |= {"h": "/root", "u": "root", "t": "/run", "S": "/var/lib", "L": "/var/log", "%": "%"}
    return re.sub("%(.)", lambda match: known.get(match[1], match[0]), text)


def _put_in(match: re.Match[str], env: Mapping[str, str]) -> str:
    return "$" if match[0] == "$$" else env.get(match[1], "")


def _last(section: Mapping[str, tuple[str, ...]], key: str, default: str = "") -> str:
    values = section.get(key)
    return values[-1] if values else default


def _words(section: Mapping[str, tuple[str, ...]], key: str) -> tuple[str, ...]:
    return tuple(word for value in section.get(key, ()) for word in value.split())


def _numbers(section: Mapping[str, tuple[str, ...]], key: str) -> tuple[int, ...]:
    return tuple(int(word) for word in _words(section, key) if word.isdigit())


def _truth(value: str) -> bool:
    return value.lower() in ("1", "yes", "true", "on")


def _timeout(service: Mapping[str, tuple[str, ...]]) -> float:
    text = _last(service, "TimeoutStopSec") or _last(service, "TimeoutSec") or "90s"
    return 3600.0 if text == "infinity" else span(text)


def span(text: str) -> float:
    """Seconds of `90`, `1.5s`, `2min 30s`. Raises ValueError."""
    parts = _SPAN.findall(text)
    if not parts or any(unit_ not in _UNITS for _, unit_ in parts):
        raise ValueError(f"no time span: {text!r}")
    return sum(float(number) * _UNITS[unit_] for number, unit_ in parts)


def _checks(about: Mapping[str, tuple[str, ...]], prefix: str) -> tuple[Check, ...]:
    found = []
    for key, values in about.items():
        if key.startswith(prefix):
            kind = key.removeprefix(prefix)
            for value in values:
                bare = value.lstrip("|").lstrip("!").strip()
                found.append(Check(kind, bare, negated="!" in value[: len(value) - len(bare)]))
    return tuple(found)


def _environment(name: str, service: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {}
    for value in service.get("Environment", ()):
        for word in shlex.split(value):
            key, equals, rest = _specify(word, name).partition("=")
            if equals:
                found[key] = rest
    return found


def environment_file(text: str) -> dict[str, str]:
    """The variables of an EnvironmentFile=: quotes are removed, `#` and `;` lines skipped."""
    found = {}
    for line in _lines(text):
        key, equals, value = line.partition("=")
        if equals and key.strip().isidentifier():
            found[key.strip()] = _unquote(value.strip())
    return found


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return inner if value[0] == "'" else re.sub(r'\\(["\\$`])', r"\1", inner)
    return value
