"""Migrate: runs once, on the first machine, against the new database, or against a shared one.

A shared database is changed while live uses it; where `pending` has said that nothing is to be done
nothing is run. The application's role owns the database, so a migration may overwrite its comment:
then the database's memory is written back, and the migration's text is kept in it as a note.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from deployer.release.context import ReleaseContext
from reconciler.database.port import DatabaseInfo
from reconciler.machine.shell import Command


def migrate(run: ReleaseContext) -> str:
    """Run the configured commands in the code's directory with the app's environment."""
    config = run.ports.service.database
    lines = config.migrate if config else ()
    if not lines or config is None:
        return "nothing to migrate"
    if run.database.shared is not None and config.pending is not None:
        return "nothing is pending: not run"
    run.database.migrating = True
    before = _database(run)
    try:
        said = _run(run, lines)
    finally:
        _remember(run, before)
    run.database.schema = said.splitlines()[-1] if said else ""
    return run.database.schema or "migrated"


def _run(run: ReleaseContext, lines: tuple[str, ...]) -> str:
    said = ""
    for line in lines:
        limit = run.within(run.ports.service.limits.migrate)
        script = with_environment(line, run.ports.service.code.path, run.env_file)
        command = Command(script, f"migration `{line}`", sudo=True, timeout=limit)
        said = run.created.machines[0].shell.run(command).text.strip() or said
    return said


def _database(run: ReleaseContext) -> DatabaseInfo | None:
    infos = run.ports.managed.reach.databases().databases() if run.database.name else ()
    return next((info for info in infos if info.name == run.database.name), None)


def _remember(run: ReleaseContext, before: DatabaseInfo | None) -> None:
    """Without its memory the release's database would be foreign, or nobody's."""
    now = _database(run)
    if before is None or before.memory is None or now is None:
        return
    if now.oid == before.oid and now.memory != before.memory:
        memory = replace(before.memory, note=now.foreign or before.memory.note)
        run.ports.managed.reach.databases().remember(now, memory)


def with_environment(line: str, directory: str, env_file: str) -> str:
    """A shell line in `directory` with the variables of a systemd environment file.

    The file is read on the machine, so that no value of it is in an argument or in a log.
    """
    load = (
        f'while IFS= read -r pair || [ -n "$pair" ]; do\n'
        f"  case $pair in\n"
        f"    [A-Za-z_]*=*) value=${{pair#*=}}\n"
        f"      case $value in\n"
        f'        \\"*\\") value=${{value#\\"}}; value=${{value%\\"}};;\n'
        f"        \\'*\\') value=${{value#\\'}}; value=${{value%\\'}};;\n"
        f"      esac\n"
        f'      export "${{pair%%=*}}=$value";;\n'
        f"  esac\n"
        f"done < {shlex.quote(env_file)}\n"
    )
    return f"set -e\n{load if env_file else ''}cd {shlex.quote(directory)}\n{line}\n"
