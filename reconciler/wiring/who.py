"""Who runs a command, and from where, as tags and the journal say it."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping

from reconciler.model import tags as t

_RUN = re.compile(r"https?://[\w.:-]+(/[\w.-]+)+/\d+")


def who(env: Mapping[str, str] = os.environ) -> str:
    """Who runs it, and from where: `ann@laptop`; in a CI its actor and the run's address."""
    for actor, run in ((env.get(name, ""), url) for name, url in _runs(env)):
        if actor and _RUN.fullmatch(run):
            return f"{actor} {run}"[: t.VALUE_LIMIT]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _runs(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variable with the actor, and the run's address: of GitHub Actions, of GitLab CI."""
    server, repository = env.get("GITHUB_SERVER_URL", ""), env.get("GITHUB_REPOSITORY", "")
    yield "GITHUB_ACTOR", f"{server}/{repository}/actions/runs/{env.get('GITHUB_RUN_ID', '')}"
    yield "GITLAB_USER_LOGIN", env.get("CI_JOB_URL", "")
