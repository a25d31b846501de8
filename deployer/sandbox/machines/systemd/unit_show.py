"""The output of `systemctl show` and `status` for a unit."""

from __future__ import annotations

from pathlib import Path

from deployer.sandbox.machines.systemd.services import Service
from deployer.sandbox.machines.systemd.unit_store import UnitProblem, UnitStore


def properties(service: Service, store: UnitStore) -> dict[str, str]:
    """Properties by name, as org.freedesktop.systemd1(5) names them."""
    state, name = service.state, service.name
    path = store.fragment(name)
    file_state = store.state(name)
    return {
        "Id": name,
        "Names": " ".join((name, *store.aliases(name))),
        "Description": service.unit.description if service.unit else name,
        "LoadState": _load_state(name, store),
        **_kind(service, store),
        "ActiveState": state.active,
        "SubState": state.sub,
        "UnitFileState": "" if file_state == "not-found" else file_state,
        "FragmentPath": str(path or ""),
        "DropInPaths": " ".join(str(file) for file in store.drop_ins(name)),
        "Result": state.result,
        "MainPID": str(state.main_pid),
        "ExecMainPID": str(state.main_pid),
        "ExecMainStatus": str(abs(state.exit_code)),
        "NRestarts": str(state.restarts),
        "ConditionResult": "yes" if state.condition else "no",
        "ActiveEnterTimestampMonotonic": str(state.active_since),
        "InactiveExitTimestampMonotonic": str(state.inactive_until),
        "ExecMainStartTimestampMonotonic": str(state.exec_since),
        "NeedDaemonReload": "no",
    }


def _kind(service: Service, store: UnitStore) -> dict[str, str]:
    """Properties that depend on the type, for a unit loaded or not yet started."""
    if not service.name.endswith(".service") or _load_state(service.name, store) != "loaded":
        return {}
    unit = store.load(service.name)
    stays = "yes" if unit.remain_after_exit else "no"
    return {"Type": unit.type, "RemainAfterExit": stays}


def _load_state(name: str, store: UnitStore) -> str:
    if store.is_masked(name):
        return "masked"
    if store.fragment(name) is None:
        return "not-found"
    try:
        store.load(name)
    except UnitProblem:
        return "bad-setting"
    return "loaded"


def status(service: Service, store: UnitStore) -> str:
    """The block for people, with the last ten lines of the journal."""
    known = properties(service, store)
    state = service.state
    lines = [
        f"● {service.name} - {known['Description']}",
        f"     Loaded: {known['LoadState']} ({known['FragmentPath']}; {known['UnitFileState']})",
        f"     Active: {state.active} ({state.sub})"
        + (f" (Result: {state.result})" if state.result != "success" else ""),
    ]
    if state.main_pid:
        lines.append(f"   Main PID: {state.main_pid} ({_command(state.main_pid)})")
    return "\n".join(lines) + "\n\n" + service.tools.journal.tail(service.name, 10)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"
