"""Mistakes in a configuration, one changed line each: doctor names the cause and the cure.

One sandbox and one adopted shop for all rows. Nothing is made, and live refuses no write: doctor
only reads. What doctor cannot know is listed in docs/bad-days.md with the step that finds it.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, query, swap_record
from tests.crash.unchanged_service import told, untouched
from tests.e2e.probes import live_instance, on_machine
from tests.support.company import RECORD as RECORD_NAME
from tests.support.company import Change

RECORD = '^record  = "shop.example.test"'
UNITS = r'^units    = \["shop"\]'
ENV = '^env_file = "/etc/shop/env"'
PATH = '^http   = "/healthz"'
ROLE = '^app_role = "shop"'
SSH = r"^\[ssh\]$"
APP = r"^\[app\]$"

Happens = Callable[[Shop], AbstractContextManager[None]]
"""What is wrong while the body runs, and is put right after it."""

Row = tuple[str, str, str, Exit, tuple[str, ...]]
"""The line that is changed, what it becomes, the check that finds it, the exit code, the words."""


def instance(line: str) -> tuple[str, str]:
    """A table [instance] with this line."""
    return SSH, f"[instance]\n{line}\n\n[ssh]"


ROWS: dict[str, Row] = {
    "zone": (
        RECORD,
        'record = "shop.nowhere.invalid"',
        "account",
        Exit.USAGE,
        ("nowhere.invalid",),
    ),
    "record": (RECORD, 'record = "shpo.example.test"', "ledger", Exit.REFUSED, ("shpo.example",)),
    "ssh user": ("^user = .*", 'user = "nobody9"', "ssh", Exit.REFUSED, ("nobody9",)),
    "ssh key": (
        "^key  = .*",
        'key = "file:/nonexistent"',
        "ssh key",
        Exit.USAGE,
        ("/nonexistent",),
    ),
    "ssh port": ("^port = 2222", "port = 2223", "ssh", Exit.REFUSED, ("2223",)),
    "ssh via": (
        SSH,
        '[ssh]\nvia = "command"\ncommand = "no-such-tool %h"',
        "ssh via",
        Exit.REFUSED,
        ("no-such-tool", "install no-such-tool"),
    ),
    "app unit": (UNITS, 'units = ["shpo"]', "units", Exit.REFUSED, ("shpo.service is not on",)),
    "job unit": ('"shop-worker"', '"shop-workr"', "units", Exit.REFUSED, ("shop-worker.service?",)),
    "env file": (ENV, 'env_file = "/etc/shop/enw"', "roles", Exit.USAGE, ("/etc/shop/enw",)),
    "variable": (ROLE, 'app_role = "shop"\nvariable = "DB_URL"', "roles", Exit.USAGE, ("DB_URL",)),
    "admin": ("^admin    = .*", 'admin = "env:NO_SUCH"', "database", Exit.USAGE, ("NO_SUCH",)),
    "role": (ROLE, 'app_role = "sohp"', "roles", Exit.USAGE, ("there is no role sohp",)),
    "superuser": (ROLE, 'app_role = "postgres"', "roles", Exit.USAGE, ('app_role = "shop"',)),
    "smoke path": (PATH, 'http = "/nope"', "smoke", Exit.FAILED, ("404", "[[smoke]]")),
    "smoke port": ("^port   = 8080", "port = 8081", "smoke", Exit.FAILED, ("8081",)),
    "smoke words": (
        PATH,
        'http = "/healthz"\ncontains = "no such word"',
        "smoke",
        Exit.FAILED,
        ("no such word",),
    ),
    "source": ("^source  = .*", 'source = "/nonexistent"', "code", Exit.USAGE, ("does not exist",)),
    "type": (*instance('type = "t9.none"'), "dry run", Exit.USAGE, ("t9.none", "[instance]")),
    "group": (*instance('groups = ["sg-0123456789abcdef0"]'), "dry run", Exit.USAGE, ("sg-01234",)),
    "subnet": (
        *instance('subnets = ["subnet-0123456789abcdef0"]'),
        "dry run",
        Exit.USAGE,
        ("subnet-01234",),
    ),
    "witness": (
        RECORD,
        'record = "shop.example.test"\nwitness_zones = ["none.invalid"]',
        "account",
        Exit.USAGE,
        ("none.invalid",),
    ),
    "also": (
        RECORD,
        'record = "shop.example.test"\nalso = ["www.other.invalid"]',
        "account",
        Exit.USAGE,
        ("www.other.invalid",),
    ),
}

UNREADABLE: dict[str, tuple[str, str, str]] = {
    "account": ("^account = .*", 'account = "999999999999"', "999999999999"),
    "region": ("^region  = .*", 'region = "eu-west-3"', "eu-west-3"),
    "unknown key": ("^keep    = 2", "kep = 2", "did you mean"),
    "no default": ('^writes   = "freeze"', "", "writes"),
    "unit twice": (UNITS, 'units = ["shop", "shop-cron"]', "shop-cron"),
    "secret": ("^admin    = .*", 'admin = "postgresql://a:b@h/d"', "admin"),
    "duration": (RECORD, 'record = "shop.example.test"\nkeep_for = "soon"', "keep_for"),
    "not TOML": ("^keep    = 2", "keep = ", "shop.toml"),
    "a tag too long": (
        *instance(f'tags = {{team = "{"x" * 257}"}}'),
        "the tag 'team' has 4 and 257 characters",
    ),
    "a tag of AWS": (*instance('tags = {"AWS:foo" = "x"}'), "the tag 'AWS:foo' is not yours"),
    "too many tags": (
        *instance("tags = {" + ", ".join(f'k{n} = "x"' for n in range(49)) + "}"),
        "49 tags: a resource has 50",
    ),
}
"""Found when the file is read, so by every command; the words are of the message."""


def change(shop: Shop, line: str, to: str) -> None:
    """Replace a line, whatever TOML makes of it."""
    path = shop.service_file()
    text, count = re.subn(line, lambda _: to, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, line
    path.write_text(text)


@pytest.mark.parametrize("name", ROWS)
def test_doctor_names_the_mistake(adopted_shop: Shop, name: str) -> None:
    """The check, the cause and the cure; the exit code of the cause; nothing is made or shut."""
    line, to, check, code, words = ROWS[name]
    change(adopted_shop, line, to)
    with untouched(adopted_shop):
        said = adopted_shop.deployer("doctor", "shop")
    told(said, code, f"✗ shop     {check:<11} ", *words, "Not ready: shop. In the way: ")
    assert "Ready: deployer up shop" not in said.out
    assert adopted_shop.version() == "v1.4.2"


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_used_is_named(adopted_shop: Shop, name: str) -> None:
    """Exit 2, with the file and the key, before anything is asked of AWS."""
    line, to, words = UNREADABLE[name]
    change(adopted_shop, line, to)
    with untouched(adopted_shop):
        for command in ("doctor", "plan"):
            told(adopted_shop.deployer(command, "shop"), Exit.USAGE, "shop.toml", words)


@contextmanager
def _alias(shop: Shop) -> Iterator[None]:
    """The record is a CNAME."""
    was = shop.pointed_at()
    shop.change_records(Change("DELETE", was, RECORD_NAME, "A"))
    shop.change_records(Change("CREATE", ["elsewhere.example.test"], RECORD_NAME, "CNAME"))
    yield
    shop.change_records(Change("DELETE", ["elsewhere.example.test"], RECORD_NAME, "CNAME"))
    shop.change_records(Change("CREATE", was, RECORD_NAME, "A"))


@contextmanager
def _two_addresses(shop: Shop) -> Iterator[None]:
    """Somebody has added a second address to the record."""
    was = shop.pointed_at()
    swap_record(shop, RECORD_NAME, "A", (*was, "127.0.0.9"))
    yield
    swap_record(shop, RECORD_NAME, "A", was)


@contextmanager
def _another_role(shop: Shop) -> Iterator[None]:
    """`app_role` is a role that exists, and is not the one that the application logs in as."""
    change(shop, ROLE, 'app_role = "reporting"')
    query(shop, "shop", "CREATE ROLE reporting LOGIN")
    query(shop, "shop", "GRANT reporting TO admin")
    yield
    query(shop, "shop", "DROP ROLE reporting")


@contextmanager
def _no_new_databases(shop: Shop) -> Iterator[None]:
    """The admin has lost the right to create databases, which every release does."""
    with psycopg.connect(shop.sandbox.superuser_url("postgres"), autocommit=True) as owner:
        owner.execute("ALTER ROLE admin NOCREATEDB")
        try:
            yield
        finally:
            owner.execute("ALTER ROLE admin CREATEDB")


@contextmanager
def _carriage_returns(shop: Shop) -> Iterator[None]:
    """The env file was written on Windows."""
    machine = live_instance(shop)
    on_machine(shop, machine, "sudo -n sed -i 's/$/\\r/' /etc/shop/env")
    yield
    on_machine(shop, machine, "sudo -n sed -i 's/\\r$//' /etc/shop/env")


def on_live(does: str, undoes: str) -> Happens:
    """Root does this on the live machine, and takes it back."""

    @contextmanager
    def happens(shop: Shop) -> Iterator[None]:
        machine = live_instance(shop)
        on_machine(shop, machine, f"sudo -n sh -c {shlex.quote(does)}")
        yield
        on_machine(shop, machine, f"sudo -n sh -c {shlex.quote(undoes)}")

    return happens


def _setting(line: str) -> Happens:
    """A setting of cloud-init on live."""
    folder = "/etc/cloud/cloud.cfg.d"
    return on_live(
        f"mkdir -p {folder}; echo '{line}' >{folder}/99-own.cfg", f"rm {folder}/99-own.cfg"
    )


def says(program: str, text: str) -> Happens:
    """A program on live, before all others of its name."""
    place = f"/usr/local/sbin/{program}"
    script = f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n"
    return on_live(f"printf %s {shlex.quote(script)} >{place}; chmod 755 {place}", f"rm {place}")


@contextmanager
def _full_of_tags(shop: Shop) -> Iterator[None]:
    """People have given the live machine nearly as many tags as it may have."""
    machine, ec2 = live_instance(shop)["InstanceId"], shop.aws("ec2")
    free = 50 - len(shop.tags(machine))
    tags: Any = [{"Key": f"team-{number}", "Value": "x"} for number in range(free)]
    ec2.create_tags(Resources=[machine], Tags=tags)
    yield
    ec2.delete_tags(Resources=[machine], Tags=tags)


@contextmanager
def _small_subnet(shop: Shop) -> Iterator[None]:
    """The configured subnet has fewer addresses than a release makes machines."""
    ec2, vpc = shop.aws("ec2"), live_instance(shop)["VpcId"]
    network = ipaddress.ip_network(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"])
    small = str(list(network.subnets(new_prefix=28))[-1])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=small)["Subnet"]["SubnetId"]
    change(shop, *instance(f'subnets = ["{subnet}"]\ncount = 12'))
    yield
    ec2.delete_subnet(SubnetId=subnet)


def _committed(name: str, text: str) -> Happens:
    """A file that is in the repository, and what git ships of it."""

    @contextmanager
    def happens(shop: Shop) -> Iterator[None]:
        source = source_of(shop)
        (source / name).write_text(text)
        _git(source, "add", "-A")
        _git(source, "commit", "-qm", "one more")
        yield
        _git(source, "reset", "-q", "--hard", "HEAD~1")

    return happens


@contextmanager
def _submodule(shop: Shop) -> Iterator[None]:
    """Another repository at a path of this one: git archive leaves an empty folder."""
    source = source_of(shop)
    head = _git(source, "rev-parse", "HEAD")
    _git(source, "update-index", "--add", "--cacheinfo", f"160000,{head},vendor/assets")
    _git(source, "commit", "-qm", "a submodule")
    yield
    _git(source, "reset", "-q", "--hard", "HEAD~1")


def source_of(shop: Shop) -> Path:
    """The checkout that is released."""
    found = re.search('^source  = "(.*)"', shop.service_file().read_text(), re.MULTILINE)
    assert found is not None
    return Path(found[1])


def _git(source: Path, *words: str) -> str:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.test")
    command = ["git", "-C", str(source), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


OLD_SYSTEMD = """#!/bin/sh
[ "$1" = --version ] && exec echo 'systemd 219'
exec /usr/local/bin/systemctl "$@"
"""
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 99\n"
WORLD: dict[str, tuple[Happens, str, Exit, tuple[str, ...]]] = {
    "record is a CNAME": (_alias, "ledger", Exit.REFUSED, ("CNAME",)),
    "two addresses": (_two_addresses, "guard", Exit.REFUSED, ("127.0.0.9", "somebody moved it")),
    "another role": (_another_role, "roles", Exit.USAGE, ("logs in as shop", 'app_role = "shop"')),
    "an admin who may not create databases": (
        _no_new_databases,
        "roles",
        Exit.REFUSED,
        ("may not create databases, so shop cannot be copied", 'database.admin" CREATEDB'),
    ),
    "carriage returns": (_carriage_returns, "roles", Exit.USAGE, ("/etc/shop/env", "CR LF")),
    "cloud-init is disabled": (
        on_live("touch /etc/cloud/cloud-init.disabled", "rm /etc/cloud/cloud-init.disabled"),
        "cloud-init",
        Exit.REFUSED,
        ("cloud-init.disabled stands there", "On live   sudo rm -f"),
    ),
    "cloud-init gets no user data from EC2": (
        on_live(
            "mkdir -p /var/lib/cloud/instance;"
            " echo 'DataSourceNoCloud: seed' >/var/lib/cloud/instance/datasource",
            "rm /var/lib/cloud/instance/datasource",
        ),
        "cloud-init",
        Exit.REFUSED,
        ("from DataSourceNoCloud, not from EC2", "datasource_list: [ Ec2 ]"),
    ),
    "cloud-init keeps the first user data": (
        _setting("manual_cache_clean: true"),
        "cloud-init",
        Exit.REFUSED,
        ("99-own.cfg on i-", "says `manual_cache_clean: true`", "take that line out of"),
    ),
    "cloud-init takes no user data": (
        _setting("allow_userdata: false"),
        "cloud-init",
        Exit.REFUSED,
        ("99-own.cfg on i-", "says `allow_userdata: false`", "take that line out of"),
    ),
    "cloud-init is old": (
        says("cloud-init", "cloud-init 0.7.5"),
        "cloud-init",
        Exit.REFUSED,
        ("cloud-init 0.7.5 on i-", "0.7.9 or newer"),
    ),
    "sudo is not root": (
        says("id", "1000"),
        "ssh",
        Exit.REFUSED,
        ("does not act as root", "NOPASSWD"),
    ),
    "systemd is old": (
        on_live(
            f"printf %s {shlex.quote(OLD_SYSTEMD)} >/usr/local/sbin/systemctl;"
            " chmod 755 /usr/local/sbin/systemctl",
            "rm /usr/local/sbin/systemctl",
        ),
        "systemd",
        Exit.REFUSED,
        ("systemd 219 on i-", "229 or newer"),
    ),
    "a full disk": (
        says("df", "Filesystem 1K Used Free Use% On\n/dev/xvda1 8000000 1 9000 99% /"),
        "disk",
        Exit.REFUSED,
        ("has 9000 kB left", "du -xh"),
    ),
    "no room for tags": (_full_of_tags, "tags", Exit.REFUSED, ("AWS takes 50", "delete-tags")),
    "a small subnet": (_small_subnet, "addresses", Exit.REFUSED, ("12 free addresses",)),
    "LFS pointers": (
        _committed("logo.png", POINTER),
        "code",
        Exit.USAGE,
        ("Git LFS pointers in place of files: logo.png", "git lfs fetch"),
    ),
    "a submodule": (
        _submodule,
        "code",
        Exit.USAGE,
        ("submodules, which git archive leaves out: vendor/assets", "--recurse-submodules"),
    ),
}
"""Mistakes that are not in the file: what is done, the check that finds it, its code and words."""

ADMINS: dict[str, tuple[str, Exit, str]] = {
    "wrong password": ("postgresql://admin:wr%25ng@{host}:5432/shop", Exit.ACCESS, "password"),
    "wrong port": ("postgresql://admin:x@{host}:5433/shop", Exit.REFUSED, "5433"),
    "not a URL": ("admin@host", Exit.USAGE, "admin"),
}
"""Values of `database.admin`, and what is said; never the password."""


@pytest.mark.parametrize("name", WORLD)
def test_a_mistake_in_the_world_is_named(adopted_shop: Shop, name: str) -> None:
    """As one in the file is."""
    happens, check, code, words = WORLD[name]
    with happens(adopted_shop):
        with untouched(adopted_shop):
            said = adopted_shop.deployer("doctor", "shop")
        told(said, code, f"✗ shop     {check:<11} ", *words, "Not ready: shop. In the way: ")


@pytest.mark.parametrize("name", ADMINS)
def test_a_wrong_admin_is_named(adopted_shop: Shop, name: str) -> None:
    """Reached or not, let in or not; the password is in no line."""
    url, code, words = ADMINS[name]
    host = psycopg.conninfo.conninfo_to_dict(adopted_shop.admin_url())["host"]
    change(adopted_shop, "^admin    = .*", 'admin = "env:MISTAKEN"')
    env = {"MISTAKEN": url.format(host=host)}
    said = adopted_shop.run("deployer", "doctor", "shop", env=env)
    told(said, code, "✗ shop     database ", words)
    assert "wr%25ng" not in said.out + said.err
    assert "wr%ng" not in said.out + said.err


def test_without_credentials_doctor_says_so(adopted_shop: Shop) -> None:
    """Exit 6, as every other command; not 1."""
    done = adopted_shop.run(
        "deployer", "doctor", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    )
    told(done, Exit.ACCESS, "✗ shop     account", "no AWS credentials")


def test_a_ref_that_is_not_there_is_refused_by_plan(adopted_shop: Shop) -> None:
    """As `up` would; and for one that is, what changes since live."""
    with untouched(adopted_shop):
        told(adopted_shop.deployer("plan", "shop", "--ref", "v9.9.9"), Exit.REFUSED, "v9.9.9")
        said = adopted_shop.deployer("plan", "shop", "--ref", "v1.5.0")
    told(said, Exit.DONE, "v1.4.2 → v1.5.0, ", "for rollback", "deployer up shop --ref v1.5.0")


@contextmanager
def _long_ttl(shop: Shop) -> Iterator[None]:
    """Clients keep the address for an hour."""
    was = shop.pointed_at()
    shop.change_records(Change("UPSERT", was, RECORD_NAME, "A", 3600))
    yield
    swap_record(shop, RECORD_NAME, "A", was)


WARNED: dict[str, tuple[Happens, str, tuple[str, ...]]] = {
    "a long TTL": (_long_ttl, "record", ("clients keep the address for 1h", "60 is usual")),
    "export-ignore": (
        _committed(".gitattributes", "queries export-ignore\n"),
        "code",
        ("export-ignore keeps out of the release: queries/beat.sql",),
    ),
}
"""What is true and no reason to refuse: what happens, the check that says it, and its words."""


@pytest.mark.parametrize("name", WARNED)
def test_what_people_may_not_know_is_said(adopted_shop: Shop, name: str) -> None:
    """A warning with its line; the service is ready all the same."""
    happens, check, words = WARNED[name]
    with happens(adopted_shop), untouched(adopted_shop):
        said = adopted_shop.deployer("doctor", "shop")
    told(said, Exit.DONE, f"! shop     {check:<11} ", *words, "Ready: deployer up shop")


@pytest.mark.parametrize("name", ["LFS pointers", "a submodule"])
def test_code_that_git_would_not_ship_is_refused(adopted_shop: Shop, name: str) -> None:
    """By `plan` and `up`, before anything is made: it used to be shipped as it is, exit 0."""
    happens, _, code, words = WORLD[name]
    with happens(adopted_shop), untouched(adopted_shop):
        told(adopted_shop.deployer("plan", "shop"), Exit.REFUSED, *words)
        told(adopted_shop.deployer("up", "shop"), code, *words)


def test_what_acts_on_every_clone_is_named(adopted_shop: Shop) -> None:
    """Timers, crontabs, rc.local, user units: a warning each, so that they can be gated."""
    units, wants = "/etc/systemd/system", "/etc/systemd/system/timers.target.wants"
    files = {
        f"{units}/beat.timer": "[Timer]",
        "/etc/rc.local": "#!/bin/sh",
        "/etc/cron.d/mine": "@reboot root true",
        "/var/lib/systemd/linger/ann": "",
    }
    does = "; ".join(
        f"mkdir -p $(dirname {file}); echo '{text}' >{file}; chmod 755 {file}"
        for file, text in files.items()
    )
    does += f"; mkdir -p {wants}; ln -s {units}/beat.timer {wants}/beat.timer"
    undoes = f"rm -f {wants}/beat.timer {' '.join(files)}"
    with on_live(does, undoes)(adopted_shop):
        said = adopted_shop.deployer("doctor", "shop")
    told(said, Exit.DONE, "! shop     units", "rc.local", "/etc/cron.d/mine", "user units of ann")
    told(said, Exit.DONE, "beat.timer acts on every clone: add it to app.jobs or app.units")
    assert said.out.rstrip().endswith("Ready: deployer up shop")
