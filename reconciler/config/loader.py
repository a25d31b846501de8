"""The configuration: `$DEPLOY_CONFIG` or `./config`, read whole and checked before anything else.

services/<service>.toml    one file per service (`reconciler.config.service`)
reconciler.toml            what the sweep may change, and how much of it
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from reconciler.config import key_place
from reconciler.config.problems import Problem, all_of, gather, nearest
from reconciler.config.reconciler import Reconciler
from reconciler.config.service import Service
from reconciler.config.types import Section
from reconciler.errors import ConfigError

VARIABLE = "DEPLOY_CONFIG"

_S = TypeVar("_S", bound=Section)


@dataclass(frozen=True)
class Settings:
    """Everything that is configured; `services` is by name, in alphabetical order."""

    directory: Path
    services: Mapping[str, Service]
    reconciler: Reconciler

    def service(self, name: str) -> Service:
        """The service of that name. Raises ConfigError that lists the configured services."""
        if name in self.services:
            return self.services[name]
        close = nearest(name, self.services)
        hint = f" (did you mean {close}?)" if close else ""
        known = ", ".join(self.services) or "none"
        raise ConfigError(
            f"no service {name!r} is configured in {self.directory}{hint}",
            detail=f"configured: {known}",
        )

    def journal(self, service: Service) -> str:
        """Where the service's journal is, `s3://bucket/prefix`; '' if it has none."""
        place = service.journal or self.reconciler.journal or "off"
        return "" if place == "off" else place

    def refuse_empty(self) -> None:
        """Refuses a configuration without services: a wrong directory must not look clean.

        Allowed if accounts and regions are configured: the sweep reports the resources there and
        changes none. Raises ConfigError.
        """
        if self.services or (self.reconciler.accounts and self.reconciler.regions):
            return
        raise ConfigError(
            f"no service is configured: there is no {self.directory / 'services'}/*.toml",
            cure="To begin one    deployer init",
        )


def locate(directory: Path | None) -> Path:
    """Where the configuration is: as given, else `$DEPLOY_CONFIG`, else `./config`."""
    return directory or Path(os.environ.get(VARIABLE) or "config")


def load(directory: Path | None = None) -> Settings:
    """Read and check the whole configuration.

    Raises ConfigError with every problem at once, one line each: file, key path, what is wrong.
    """
    home = locate(directory)
    _refuse_missing(home)
    problems: list[Problem] = []
    files = sorted((home / "services").glob("*.toml"))
    services = {path.stem: _service(path, home, problems) for path in files}
    reconciler = _reconciler(home, problems)
    found = {name: service for name, service in services.items() if service is not None}
    problems += _shared_records(found)
    problems += _forbidden(found, reconciler) if reconciler else []
    if problems or reconciler is None:
        raise gather([_placed(one, home) for one in problems])
    settings = Settings(home, found, reconciler)
    settings.refuse_empty()
    return settings


def _placed(problem: Problem, home: Path) -> Problem:
    """With its line and column, if the file can be read and names the key or its table.

    A rule between two files names them as they stand below `home`.
    """
    path = problem.path if problem.path.exists() else home / problem.path
    try:
        text = path.read_text(encoding="utf-8") if problem.key else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    return replace(problem, at=key_place.find(text, problem.key))


def _refuse_missing(home: Path) -> None:
    if home.is_dir():
        return
    raise ConfigError(
        f"there is no configuration: {home} is not a directory",
        detail=f"It is looked for in --config, ${VARIABLE} and ./config, in this order.",
        cure="To begin one    deployer init",
    )


def _service(path: Path, home: Path, problems: list[Problem]) -> Service | None:
    document = _read(path, problems)
    if document is None:
        return None
    if "name" in document:
        problems.append(Problem(path, "name", "the file's name is the service's: leave it out"))
    return _checked(Service, path, home, {**document, "name": path.stem}, problems)


def _reconciler(home: Path, problems: list[Problem]) -> Reconciler | None:
    path = home / "reconciler.toml"
    document = _read(path, problems) if path.exists() else {}
    return None if document is None else _checked(Reconciler, path, home, document, problems)


def _read(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(path, "", f"is not TOML: {error}"))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(path, "", f"cannot be read: {error}"))
    return None


def _checked(
    schema: type[_S], path: Path, home: Path, document: dict[str, Any], problems: list[Problem]
) -> _S | None:
    try:
        return schema.model_validate(_frozen(document), context={"base": home.absolute().parent})
    except ValidationError as error:
        problems += all_of(path, schema, error)
        return None


def _frozen(value: Any) -> Any:
    """Converts TOML's lists to tuples, which frozen settings hold."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _shared_records(services: Mapping[str, Service]) -> list[Problem]:
    """Two services with one record would take it from each other at every release."""
    first: dict[str, str] = {}
    problems = []
    for name, service in services.items():
        other = first.setdefault(service.record, name)
        if other != name:
            path = Path(f"services/{name}.toml")
            problems.append(Problem(path, "record", f"{service.record} is {other}'s already"))
        for arn in service.traffic.routes:
            other = first.setdefault(arn, name)
            if other != name:
                path = Path(f"services/{name}.toml")
                problems.append(Problem(path, "traffic", f"{arn} is {other}'s already"))
    return problems


def _forbidden(services: Mapping[str, Service], reconciler: Reconciler) -> list[Problem]:
    """A service in an account or region that may not be entered: one of the two files is wrong."""
    problems = []
    for name, service in services.items():
        home = ("account", service.account, service.region)
        asked = (home, ("zone_account", service.zone_account, ""))
        for key, account, region in asked:
            by = reconciler.forbids(account, region) if account else ""
            where, value = ("region", region) if by == "regions" else (key, account)
            if by:
                text = f"{value} is not one of `{by}` in reconciler.toml"
                problems.append(Problem(Path(f"services/{name}.toml"), where, text))
    return problems


def refuse_unbuilt(service: Service) -> None:
    """Refuses the keys that the configuration allows but no code implements yet.

    Raises ConfigError that names every such key.
    """
    database = service.database
    asked = {}
    if database is not None:
        asked = {
            'database.engine = "rds"': database.engine == "rds",
            'database.writes = "follow"': database.writes == "follow",
        }
    unbuilt = [key for key, used in asked.items() if used]
    if unbuilt:
        verb = "is" if len(unbuilt) == 1 else "are"
        rds = database is not None and database.engine == "rds"
        cure = 'A database that is on RDS or Aurora   engine = "postgres"' if rds else ""
        raise ConfigError(f"{service.name}: {', '.join(unbuilt)} {verb} not built yet", cure=cure)
