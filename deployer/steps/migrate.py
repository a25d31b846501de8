"""Migrate: once, on the first machine, against the new database only."""

from __future__ import annotations

import shlex

from deployer.run import Run
from reconciler.shell import Command


def migrate(run: Run) -> str:
    """Run the configured commands in the code's directory with the app's environment."""
    config = run.ports.service.database
    lines = config.migrate if config else ()
    if not lines:
        return "nothing to migrate"
    said = ""
    for line in lines:
        limit = run.within(run.ports.service.limits.migrate)
        script = with_environment(line, run.ports.service.code.path, run.env_file)
        command = Command(script, f"migration `{line}`", sudo=True, timeout=limit)
        said = run.machines[0].shell.run(command).text.strip() or said
    run.schema = said.splitlines()[-1] if said else ""
    return run.schema or "migrated"


def with_environment(line: str, directory: str, env_file: str) -> str:
    """A line of shell in `directory` with the variables of a systemd environment file.

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
