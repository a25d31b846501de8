"""`deployer init`: writes an initial configuration with a comment on every key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from reconciler.errors import ConfigError, Refused
from reconciler.model.deploy_id import valid_service

SERVICE = Template("""\
# How $service is released. Lines that begin with `#` are defaults or examples.

record  = "$record"          # the name its clients use; its zone is found by itself
account = "$account"         # refused in any other
region  = "$region"
files   = "none"             # what the service writes to its own disk: none | lose | carry
keep    = 2                  # previous releases kept for rollback
# keep_for = "7d"            # and for how long; without it, until there are `keep` newer ones
# keep_rejected = "7d"       # how long one that was rolled back from

[code]
source  = "."                # a git checkout (`--ref` says what of it), a directory or an archive
path    = "/srv/$service"    # where it goes on the machine
install = []                 # commands run there while the service is down: ["./bin/install"]

[app]
units    = ["$service"]      # systemd units of the service: never run on an unfinished clone
jobs     = []                # run on the live release only: ["cron", "$service-worker"]
# env_file = "/etc/$service/env"   # the new database's URL is written here (0600)

# [database]                 # leave out: no database step
# engine   = "postgres"
# admin    = "ssm:/$service/db-admin-url"   # env:NAME | file:PATH | ssm:/path, never a value
# app_role = "$service"
# migrate  = ["./bin/migrate"]
# copy     = "always"        # a copy for every release | never: use live's | when-migrating
# writes   = "freeze"        # while it is copied: freeze refuses writes | lose lets go of them
# max_freeze = "5m"          # given up after that: live takes writes again
# max_wait = "30s"           # how long open transactions may hold the freeze up

[[smoke]]                    # tried on every new machine before it gets any traffic
http   = "/"                 # at its own address, with the record's Host;  or: command = "…"
expect = 200
# port = 80
# contains = "…"
# tries = 10
# every = "3s"

[ssh]
user = "ubuntu"
# key = "file:~/.ssh/$service"   # else the agent is asked

# [instance]                 # what is not said is as the live machine's
# count = 1
# type = "t3.small"
# image = "ami-…"            # what a first release begins from
# no_reboot = true           # false reboots the live machine for a consistent copy

# [lease]
# length = "10m"             # how soon a dead release is noticed
# limit  = "2h"              # how long one may take
""")

RECONCILER = """\
# What the sweep may do at once. Accounts and regions are those of the services.

# min_age = "0s"             # keep what is younger

[breaker]
max_count = 10               # deletions of one service a run, or
share     = 0.2              # this part of what it owns, if that is more
"""


def begin(home: Path, service: str, values: Mapping[str, str]) -> Path:
    """Write `services/<service>.toml`, and `reconciler.toml` where it does not exist.

    Raises ConfigError for an invalid service name, Refused where the file exists.
    """
    if not valid_service(service):
        raise ConfigError(
            f"{service!r} is no name for a service: lower case, digits and single hyphens, at "
            "most 28, beginning with a letter",
            cure="For instance     deployer init my-shop",
        )
    path = home / "services" / f"{service}.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(SERVICE.substitute(values, service=service))
        _write_if_missing(home / "reconciler.toml", RECONCILER)
    except FileExistsError as error:
        raise Refused(
            f"{path} exists already; it was not touched",
            cure=f"To try what it says     deployer doctor {service}",
        ) from error
    except OSError as error:
        cure = f"Elsewhere     deployer init {service} --config DIR"
        raise ConfigError(f"{path} cannot be written: {error.strerror}", cure=cure) from error
    return path


def _write_if_missing(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
