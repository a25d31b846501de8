"""Builds the deployer's ports for one service."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace

from deployer.aws.compute import Ec2Compute
from deployer.ports import Ports
from reconciler.config.loader import Settings
from reconciler.cost import price_cache
from reconciler.model import tags as t
from reconciler.wiring.edges import Edges

_RUN = re.compile(r"https?://[\w.:-]+(/[\w.-]+)+/\d+")


def wired(settings: Settings, name: str, *, by_labels: bool = False) -> Ports:
    """The ports of a service, as `Edges.managed`; raises the same errors."""
    service = settings.service(name)
    edges = Edges(settings)
    return Ports(
        service=service,
        managed=edges.managed(service, by_labels=by_labels),
        compute=Ec2Compute(edges.aws(service.place)),
        connector=edges.connector(service),
        resolve=edges.resolver(service),
        by=who(),
        prices=price_cache.load(),
        ledgers_in=lambda account: edges.ledgers(replace(service.zone_place, account=account)),
    )


def who(env: Mapping[str, str] = os.environ) -> str:
    """Who releases, and from where: `ann@laptop`; in a CI its actor and the run's address."""
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
