"""Reads and checks the units of a service, as systemd knows them on a machine. Pure.

A name that systemd does not know gates nothing: the intended unit starts on every clone and acts as
production there. So each configured unit is looked up on the live machine before anything is
created, and so is every other enabled unit that the distribution did not install.
"""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.machine.activation_gate import LIST, MARK, STATE, ActivationGate

UNGATED_KINDS = (".device", ".slice", ".scope")
"""Kinds that systemd creates itself or that start nothing: there is no start to prevent."""

_STRONGER = ("/etc/systemd/system.control/", "/run/systemd/system.control/")
"""Paths where a unit file takes precedence over generator.early (systemd.unit(5), load path)."""

_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Folders of unit files; the masks of the gate are not in them."""

_ASKED = ("Id", "LoadState", "Type", "RemainAfterExit", "FragmentPath")
_DIGITS = 16


def digest(gate: ActivationGate | None, *, beside: bool = False) -> str:
    """Identifies the set of units: what a machine has obeyed applies to this set only.

    `beside`: for a machine of the live deploy beside the one that alone runs the jobs.
    """
    if gate is None:
        return ""
    lines = [f"app {unit}" for unit in sorted(gate.app)]
    lines += [f"job {unit}" for unit in sorted(gate.jobs)]
    # Another value for either: when the first machine is gone, the next has to be told.
    lines += ["jobs beside the first" if beside else "jobs on the first"] * gate.first_only
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True)
class Known:
    """What a machine reports about its units.

    `facts` are systemd's properties of each configured unit, empty for an unknown name. `files` are
    all unit files, `acting` what else starts on every clone: kind and name. `shut`: the gate keeps
    units from starting on this machine, although it was asked because it serves. `rests`: it keeps
    the jobs alone from starting.
    """

    machine: str
    facts: Mapping[str, Mapping[str, str]]
    files: tuple[str, ...] = ()
    acting: tuple[tuple[str, str], ...] = ()
    shut: bool = False
    rests: bool = False


@dataclass(frozen=True)
class UnitProblem:
    """A configured unit that can neither be kept from starting on a clone nor started there."""

    unit: str
    text: str


def ask_script(gate: ActivationGate) -> str:
    """Prints what `read` parses; changes nothing, and prints no line of a crontab."""
    wanted = " ".join(f"-p {key}" for key in _ASKED)
    asks = [
        f"echo unit={name}; systemctl show {wanted} {name} 2>/dev/null || :"
        for name in map(shlex.quote, gate.all)
    ]
    gated = f"gated={shlex.quote(' '.join(gate.all))}"
    return "\n".join([*asks, _FILES, gated, _ACTING, _SHUT, ""])


_FILES = (
    "systemctl list-unit-files --no-legend --no-pager 2>/dev/null |"
    " sed -n 's/^\\([^ ]*\\).*/file=\\1/p'"
)

_SHUT = f"""\
if grep -qx app {MARK} 2>/dev/null; then echo shut=yes
elif grep -qx jobs {MARK} 2>/dev/null; then echo rests=yes; fi"""

# `enable` creates links in *.wants; instances of templates are found only there. A package's own
# unit may be in /etc as well. What only gated units want is gated with them. A job that was gated
# once and is not any more is listed, whatever package brought it.
_ACTING = f"""\
packaged() {{ dpkg -S "$1" >/dev/null 2>&1 || rpm -qf "$1" >/dev/null 2>&1; }}
for link in /etc/systemd/system/*.wants/* /etc/systemd/system/*.requires/*; do
  [ -L "$link" ] || continue
  real=$(readlink -f "$link") || continue
  case $link in *.service|*.timer|*.socket|*.path) ;; *) continue ;; esac
  by=${{link%/*}} by=${{by##*/}}
  case " $gated " in *" ${{by%.*}} "*) continue ;; esac
  if ! grep -qxF "jobs ${{link##*/}}" {LIST} 2>/dev/null; then
    case $real in /usr/lib/*|/lib/*|/dev/null|/run/*|/snap/*) continue ;; esac
    if packaged "$real"; then continue; fi
  fi
  echo "acting=unit ${{link##*/}}"
done
for file in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/*; do
  if [ -f "$file" ] && grep -q '^[[:space:]]*@reboot' "$file"; then echo "acting=cron $file"; fi
  if [ -f "$file" ] && ! packaged "$file" &&
    grep -Eq '^[[:space:]]*([0-9*]|@[adhmwy])' "$file"; then
    echo "acting=crontab $file"
  fi
done
for file in /etc/rc.local /etc/rc.d/rc.local; do
  if [ -f "$file" ] && [ ! -L "$file" ] && [ -x "$file" ]; then echo "acting=script $file"; fi
done
for file in /var/lib/systemd/linger/*; do
  if [ -f "$file" ]; then echo "acting=user ${{file##*/}}"; fi
done"""


def read(machine: str, text: str) -> Known:
    """Parses the output of the script."""
    facts: dict[str, dict[str, str]] = {}
    files: list[str] = []
    acting: list[tuple[str, str]] = []
    now: dict[str, str] = {}
    said: set[str] = set()
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "unit":
            now = facts.setdefault(value, {})
        elif key == "file":
            files.append(value)
        elif key == "acting":
            kind, _, name = value.partition(" ")
            acting.append((kind, name))
        elif key in ("shut", "rests"):
            said.add(key)
        elif key in _ASKED:
            now[key] = value
    once = tuple(dict.fromkeys(acting))
    return Known(machine, facts, tuple(files), once, "shut" in said, "rests" in said)


def problems(gate: ActivationGate, known: Known) -> tuple[UnitProblem, ...]:
    """The configured units that a release refuses, each with the unit to name instead."""
    found = ((u, _problem(u, known)) for u in gate.all if not _is_beside(gate, u, known))
    return tuple(UnitProblem(unit, text) for unit, text in found if text)


def _is_beside(gate: ActivationGate, unit: str, known: Known) -> bool:
    """Whether it is a job that another machine of live runs: then it is masked here for good."""
    masked = known.facts.get(unit, {}).get("LoadState") == "masked"
    return gate.first_only and known.rests and masked and unit in gate.jobs


def _problem(unit: str, known: Known) -> str:
    facts = known.facts.get(unit, {})
    state, id_ = facts.get("LoadState", ""), facts.get("Id", unit)
    bare = unit.removesuffix(".service")
    if bare.endswith(UNGATED_KINDS):
        return f"a {bare.rpartition('.')[2]} cannot be kept from starting: name what runs in it"
    if bare.endswith("@"):
        return f"is a template: name an instance of it, {bare}NAME"
    if state == "loaded" and id_ != unit:
        return f"is another name of {id_}: name {id_}, a clone is gated by the name of the file"
    if state == "loaded":
        return _is_not_held(facts) or _ends_by_itself(unit, facts, known)
    if state == "masked" and known.shut:
        return f"is kept shut by the gate on {known.machine}, a copy or one that lost {STATE}"
    if state == "masked":
        return f"is masked on {known.machine}: unmask it there, or leave it out"
    if state not in ("", "not-found"):
        return f"does not load on {known.machine} ({state}): systemctl status {unit}"
    close = difflib.get_close_matches(unit, known.files, 1, 0.6)
    hint = f": did you mean {close[0]}?" if close else ""
    return f"is not on {known.machine}{hint}"


def _is_not_held(facts: Mapping[str, str]) -> str:
    path = facts.get("FragmentPath", "")
    if not path.startswith(_STRONGER):
        return ""
    return f"lies at {path}, where no mask reaches: move it to /etc/systemd/system"


def _ends_by_itself(unit: str, facts: Mapping[str, str], known: Known) -> str:
    """A oneshot is never found running, so every sweep would start it again."""
    if facts.get("Type") != "oneshot" or facts.get("RemainAfterExit") == "yes":
        return ""
    timer = unit.removesuffix(".service") + ".timer"
    there = f": name its timer, {timer}" if timer in known.files else ": name its timer"
    return f"is of Type=oneshot, which runs and ends, and would run at every sweep{there}"


def warnings(gate: ActivationGate, known: Known) -> tuple[str, ...]:
    """What else is enabled and acts on every clone, though it is not configured."""
    return tuple(said for kind, name in known.acting if (said := _warning(kind, name, gate)))


def _warning(kind: str, name: str, gate: ActivationGate) -> str:
    if kind == "unit":
        stem = name.removesuffix(".service")
        names = {name, *(f"{stem}{suffix}" for suffix in (".timer", ".path", ".socket"))}
        return (
            ""
            if names & set(gate.all)
            else f"{name} acts on every clone: add it to app.jobs or app.units"
        )
    crons = [unit for unit in gate.jobs if unit in ("cron.service", "crond.service")]
    if kind == "crontab":
        said = f"the lines of {name} act wherever cron runs: add cron to app.jobs"
        return "" if crons else said
    if kind == "cron":
        if crons:
            return f"the @reboot lines of {name} run when {crons[0]} first starts on a new live"
        return f"the @reboot lines of {name} act on every clone: add cron to app.jobs"
    if kind == "user":
        return f"user units of {name} (linger) act on every clone: make them units of the system"
    return f"{name} acts on every clone: make it a unit, and add that to app.jobs"


def missing_script(wanted: Iterable[str]) -> str:
    """Prints the units that have neither a file, nor a template, nor a SysV script."""
    names = " ".join(shlex.quote(unit) for unit in wanted)
    return f"""\
for unit in {names}; do
  found= kind=${{unit##*.}} stem=${{unit%.*}}
  for name in "$unit" "${{stem%%@*}}@.$kind"; do
    for top in {" ".join(_FOLDERS)}; do if [ -e "$top/$name" ]; then found=1; fi; done
  done
  if [ -z "$found" ] && [ ! -e "/etc/init.d/$stem" ]; then echo "$unit"; fi
done
"""


def meant(unit: str, known: Known) -> str:
    """The acting unit whose name is so similar to `unit` that it is the same, mistyped."""
    acting = [name for kind, name in known.acting if kind == "unit"]
    return next(iter(difflib.get_close_matches(unit, acting, 1, 0.8)), "")


def first_words(found: Iterable[UnitProblem]) -> str:
    """Each problem as `unit text`, for one line."""
    return "; ".join(f"{problem.unit} {problem.text}" for problem in found)
