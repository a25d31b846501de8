"""The configuration: what is read, what is refused, and in which words."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from reconciler.config.loader import Settings, load, refuse_unbuilt
from reconciler.config.reconciler import ALL_REGIONS, Reconciler
from reconciler.config.service import Service
from reconciler.errors import ConfigError
from reconciler.gc.retention import StandbyPolicy
from reconciler.model.tags import ROOM_FOR_OTHERS, AccountRegion
from reconciler.util.secret import Reference

SHOP = """\
record  = "shop.example.com"
account = "123456789012"
region  = "eu-west-1"
files   = "none"
keep    = 2

[code]
source  = "."
path    = "/srv/shop"
install = ["./bin/install"]

[app]
units    = ["shop"]
jobs     = ["cron", "shop-worker"]
env_file = "/etc/shop/env"

[database]
engine  = "postgres"
admin   = "ssm:/shop/db-admin-url"
app_role = "shop"
migrate = ["./bin/migrate"]
copy    = "always"
writes  = "freeze"
max_freeze = "4m"

[[smoke]]
http   = "/healthz"
expect = 200

[ssh]
user = "ubuntu"
key  = "file:~/.ssh/shop"

[instance]
count = 1
[lease]
length = "10m"
limit  = "2h"
"""
"""The example of the design, whole."""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the example with one piece of text replaced; returns the configuration's directory."""
    home = tmp_path / "config"
    (home / "services").mkdir(parents=True)

    def write_one(old: str = "", new: str = "", *, name: str = "shop") -> Path:
        assert old in SHOP
        text = SHOP.replace(old, new, 1) if old else SHOP
        (home / "services" / f"{name}.toml").write_text(text)
        return home

    return write_one


def problem(home: Path) -> str:
    """The message and detail of the ConfigError that loading raises."""
    with pytest.raises(ConfigError) as caught:
        load(home)
    return f"{caught.value.message}\n{caught.value.detail}".rstrip("\n")


def test_the_example(write: Write) -> None:
    """The design's example loads, with its defaults."""
    home = write()
    shop = load(home).service("shop")
    assert shop.place == AccountRegion("123456789012", "eu-west-1")
    assert shop.code.source == home.parent
    assert shop.app.jobs == ("cron", "shop-worker")
    assert shop.database is not None
    assert shop.database.admin == Reference("ssm", "/shop/db-admin-url")
    assert shop.database.max_freeze == timedelta(minutes=4)
    assert shop.database.max_wait == timedelta(seconds=30)
    assert shop.database.run == "instance"
    assert shop.smoke[0].target_port == 80
    assert shop.lease.renew_every == timedelta(minutes=3)
    assert shop.retention.keep == 2
    assert shop.retention.keep_rejected == timedelta(days=7)
    assert shop.retention.standby == StandbyPolicy(
        timedelta(minutes=10), "stop", timedelta(hours=24)
    )
    assert shop.instance.no_reboot
    refuse_unbuilt(shop)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ('park = "run"\n[traffic]\ndrain = "never"', StandbyPolicy(None, "run")),
        ('[traffic]\ndrain = "2h"', StandbyPolicy(timedelta(hours=2), "stop")),
        (
            'park = "terminate"\npark_after = "1h"',
            StandbyPolicy(timedelta(minutes=10), "terminate", timedelta(hours=1)),
        ),
    ],
)
def test_how_previous_releases_go_to_rest(write: Write, said: str, wanted: StandbyPolicy) -> None:
    """Both can be switched off, each alone."""
    home = write("[code]", f"{said}\n[code]")
    assert load(home).service("shop").retention.standby == wanted


def test_a_drain_of_no_length_is_refused(write: Write) -> None:
    """Connections are given time, or all the time there is."""
    said = problem(write("[code]", '[traffic]\ndrain = "0s"\n[code]'))
    assert "traffic.drain" in said
    assert "longer than nothing" in said


BUCKET = 'ledger = "s3://company-ledgers/production"'
GROUP = (
    '[traffic]\nkind = "target-group"\nlistener = '
    '"arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/a1/b2"'
)
EIP = '[traffic]\nkind = "elastic-ip"\nallocation = "eipalloc-0123456789abcdef0"'


@pytest.mark.parametrize("traffic", [GROUP, EIP, 'zone = "private"'])
def test_a_ledger_in_a_bucket(write: Write, traffic: str) -> None:
    """For traffic that follows the ledger."""
    home = write("[code]", f"{BUCKET}\n{traffic}\n[code]")
    assert load(home).service("shop").ledger == "s3://company-ledgers/production"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f'{BUCKET}\nalso = ["www.example.com"]', "also: names change with the ledger"),
        (f'{BUCKET}\n[traffic]\nkind = "target-group"', "traffic.listener: is wanted"),
        (f'{BUCKET}\n[traffic]\nkind = "elastic-ip"', "traffic.allocation: is wanted"),
        (f'{BUCKET}\nzone = "private"\n{EIP}', "zone: means nothing with `ledger`"),
        (f'ledger = "s3://B"\n{EIP}', "a bucket and a folder in it, such as s3://"),
        (f'ledger = "s3://bucket/"\n{EIP}', "a bucket and a folder in it, such as s3://"),
        (f'ledger = "s3://bucket/a/../b"\n{EIP}', "a bucket and a folder in it, such as s3://"),
        (f'ledger = "/var/ledgers"\n{EIP}', "a bucket and a folder in it, such as s3://"),
    ],
)
def test_a_ledger_in_a_bucket_that_cannot_be(write: Write, said: str, why: str) -> None:
    """In words that name the key."""
    assert why in problem(write("[code]", f"{said}\n[code]"))


def test_without_a_database(write: Write) -> None:
    """The database, the jobs and all lengths may be left out."""
    home = write()
    small = SHOP.partition("[database]")[0] + '[[smoke]]\ncommand = "true"\n[ssh]\nuser = "u"\n'
    (home / "services/shop.toml").write_text(small)
    assert load(home).service("shop").database is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("keep    = 2", 'keep = "2"', "keep: a whole number is wanted, without quotes"),
        ("keep ", "kepp ", "kepp: is not a key we know; did you mean keep?"),
        ("keep ", 'also = ["shop.example.com"]\nkeep ', "also: other names than the record"),
        ("keep ", 'also = ["a.example.com", "a.example.com"]\nkeep ', "also: other names than"),
        ("keep ", 'witness_zones = ["a b"]\nkeep ', "witness_zones[1]: 'a b' is not the name or"),
        (
            "keep    = 2",
            'max_freeze = "5m"',
            "max_freeze: is not a key we know; it belongs in [dat",
        ),
        ("count = 1", "keep = 1", "instance.keep: is not a key we know; it belongs in the top of"),
        ("count = 1", "zzz = 1", "instance.zzz: is not a key we know"),
        ('files   = "none"', "", "files: is missing"),
        ('writes  = "freeze"\n', "", "database.writes: has no default, because a wrong one loses"),
        ('copy    = "always"', 'copy = "never"', 'database.writes: means nothing with copy = "nev'),
        ('copy    = "always"', 'copy = "when-migrating"', "database.pending: goes with copy ="),
        ('"none"', '"carry"', "carry: the paths to carry go with files"),
        ("keep    = 2", 'carry = ["/a"]', "carry: the paths to carry go with files"),
        ('"4m"', "240", "database.max_freeze: a duration in quotes is wanted"),
        ('"4m"', '"0s"', "database.max_freeze: must be longer than nothing"),
        ('"ssm:/shop/db-admin-url"', '"postgres://u:pw@h/d"', "database.admin: a reference is wan"),
        ('["shop"]', '["shop", "cron"]', "app.jobs: 'cron' is in units too"),
        ('["shop"]', "[]", "app.units: at least one is wanted"),
        ('["shop"]', '"shop"', "app.units: a list is wanted: [ … ]"),
        ('env_file = "/etc/shop/env"', "", "app.env_file: is wanted"),
        ('limit  = "2h"', 'limit = "25h"', "lease.limit: at most 24h"),
        ('limit  = "2h"', 'limit = "9m"', "lease.limit: shorter than one length"),
        ('length = "10m"', 'length = "2s"', "lease.length: at least 3s"),
        ('http   = "/healthz"', "", "smoke[1]: one of http and command is wanted"),
        ('http   = "/healthz"', 'command = "x"', "smoke[1].expect: means nothing with command"),
        ('http   = "/healthz"', 'http = "healthz"', "smoke[1].http: a path is wanted"),
        ('"123456789012"', "123456789012", "account: text in quotes is wanted"),
        ('"123456789012"', '"1234"', "account: '1234' is not an account id"),
        ('"shop.example.com"', '"Shop"', "record: 'Shop' is not a full host name"),
        ('"/srv/shop"', '"srv/shop"', "code.path: 'srv/shop' is not an absolute path"),
        (
            "count = 1",
            'tags = {deploy-id = "x"}',
            "instance.tags: the tag 'deploy-id' is not yours",
        ),
        ("count = 1", 'tags = {"AWS:foo" = "x"}', "instance.tags: the tag 'AWS:foo' is not yours"),
        (
            "count = 1",
            f'tags = {{team = "{"x" * 257}"}}',
            "instance.tags: the tag 'team' has 4 and 257 characters: AWS takes",
        ),
        (
            "count = 1",
            f'tags = {{{"k" * 129} = "x"}}',
            f"instance.tags: the tag '{'k' * 40}' has 129 and 1 characters: AWS takes",
        ),
        (
            "count = 1",
            "tags = {" + ", ".join(f'k{n} = "x"' for n in range(ROOM_FOR_OTHERS + 1)) + "}",
            f"instance.tags: {ROOM_FOR_OTHERS + 1} tags: a resource has 50, and ",
        ),
        ("count = 1", 'image_from = "base"', 'instance.image: is wanted with image_from = "base"'),
        ('user = "ubuntu"', 'user = "u"\nvia = "tor"', 'ssh.via: one of "direct", "bastion"'),
        ('user = "ubuntu"', 'user = "u"\nvia = "bastion"', 'ssh.via: "bastion" wants at least'),
        ('user = "ubuntu"', 'user = "u"\nvia = "command"', "ssh.command: is wanted with via"),
        (
            'user = "ubuntu"',
            'user = "u"\nvia = "command"\ncommand = "nc host %p"',
            "ssh.command: names no machine",
        ),
        (
            'user = "ubuntu"',
            'user = "u"\nvia = "bastion"\n[[ssh.bastion]]\nhost = "b"\nuser = "u"\nhost_key = "x"',
            "ssh.bastion[1].host_key: an ed25519 host key is wanted",
        ),
        (
            'http   = "/healthz"\nexpect = 200',
            'command = "true"\nfrom = "here"',
            "smoke[1].from: means nothing with command",
        ),
        ("keep    = 2", 'name = "shop"', "name: the file's name is the service's: leave it out"),
        ("keep    = 2", "keep = ", "is not TOML"),
    ],
)
def test_one_problem_is_one_line(write: Write, old: str, new: str, words: str) -> None:
    """A problem is the message itself: the file, the key's path, what is wrong."""
    text = problem(write(old, new))
    assert text.startswith(f"services/shop.toml: {words}")
    assert "\n" not in text


def test_a_wrong_check_is_not_also_too_few_checks(write: Write) -> None:
    """pydantic counts only sound items; we do not say that one is missing when it is wrong."""
    assert "at least one" not in problem(write('http   = "/healthz"', ""))


def test_every_problem_is_shown_at_once(write: Write) -> None:
    """Two files with a problem each and two services at one record: nothing stops at the first."""
    home = write("keep    = 2", "keep = 0", name="blog")
    write("count = 1", "cuont = 1", name="shop")
    write(name="a")
    write(name="b")
    (home / "reconciler.toml").write_text("[breaker]\nshare = 2\n")
    assert problem(home) == (
        "the configuration has 4 problems\n"
        "services/blog.toml: keep: should be greater than or equal to 1 (at line 5, column 1)\n"
        "services/shop.toml: instance.cuont: is not a key we know; did you mean count? "
        "(at line 35, column 1)\n"
        "config/reconciler.toml: breaker.share: should be less than or equal to 1 "
        "(at line 2, column 1)\n"
        "services/b.toml: record: shop.example.com is a's already (at line 1, column 1)"
    )


def test_the_files_name_is_the_service(write: Write) -> None:
    """A file whose name cannot be a service is refused before it names anything in the cloud."""
    assert "'Shop_1' is no name for a service" in problem(write(name="Shop_1"))


def test_a_secret_in_place_of_a_reference_is_not_shown(write: Write) -> None:
    """The message about a value that may be a password does not hold it."""
    assert "hunter2" not in problem(write("ssm:/shop/db-admin-url", "postgres://u:hunter2@h/d"))


def test_an_unknown_service_says_which_there_are(write: Write) -> None:
    """A typo is answered with the nearest name."""
    settings = load(write())
    with pytest.raises(ConfigError, match=r"no service 'sohp' .*did you mean shop\?"):
        settings.service("sohp")


def test_no_configuration_says_how_to_begin(tmp_path: Path) -> None:
    """A missing directory names where it was looked for and the command that makes one."""
    with pytest.raises(ConfigError, match="there is no configuration") as caught:
        load(tmp_path / "nowhere")
    assert caught.value.cure.endswith("deployer init")
    assert "$DEPLOY_CONFIG" in caught.value.detail


def test_no_service_is_no_clean_service(tmp_path: Path) -> None:
    """An empty directory, or the wrong one, must not end as "Clean."."""
    with pytest.raises(ConfigError, match="no service is configured") as caught:
        load(tmp_path)
    assert "deployer init" in caught.value.cure


def test_where_it_is_looked_for(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument, else $DEPLOY_CONFIG, else ./config."""
    home = write()
    monkeypatch.delenv("DEPLOY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert load().directory == Path("config")
    monkeypatch.chdir("/")
    monkeypatch.setenv("DEPLOY_CONFIG", str(home))
    assert load().directory == home
    assert load(home).directory == home


def test_reconciler_defaults_and_keys(write: Write) -> None:
    """Without reconciler.toml the caps hold; with it they are as written."""
    home = write()
    plain = load(home).reconciler
    assert (plain.breaker.max_count, plain.breaker.share) == (10, 0.2)
    assert plain.min_age == timedelta(0)
    (home / "reconciler.toml").write_text(
        'accounts = ["123456789012"]\nregions = ["eu-west-1"]\nmin_age = "5m"\n'
        '[roles]\n123456789012 = "arn:aws:iam::123456789012:role/sweep"\n[breaker]\nmax_count = 3\n'
    )
    mine = load(home).reconciler
    assert mine.regions == ("eu-west-1",)
    assert mine.breaker.max_count == 3
    assert mine.roles["123456789012"].endswith("role/sweep")


ROLE = "arn:aws:iam::222233334444:role/sweep"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'accounts = ["999999999999"]',
            "account: 123456789012 is not one of `accounts`",
        ),
        ('regions = ["us-east-1"]', "shop.toml: region: eu-west-1 is not one of `regions`"),
        ('regions = ["all"]', 'regions: "all" stands alone: regions = "all"'),
        ('regions = ["Ireland"]', "regions: 'Ireland' is not a region such as eu-west-1"),
        ("regions = 1", 'regions: a list of regions is wanted, or "all"'),
        ('regions = ["eu-west-1", "eu-west-1"]', "regions: 'eu-west-1' is there twice"),
        (f'[roles]\n123456789012 = "{ROLE}"', "the role of 123456789012 is one of 222233334444"),
        ('[roles]\n123456789012 = "admin"', "'admin' is not a role"),
        (
            f'accounts = ["123456789012"]\n[roles]\n222233334444 = "{ROLE}"',
            "roles: 222233334444 is not one of `accounts`",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(write: Write, text: str, words: str) -> None:
    """Before the first call, in one line: what the one key allows the other must not forbid."""
    home = write()
    (home / "reconciler.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(home)
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_the_zones_account_must_be_allowed_too(write: Write) -> None:
    """The ledger is written there."""
    home = write('region  = "eu-west-1"', 'region = "eu-west-1"\nzone_account = "222233334444"')
    shop = load(home).service("shop")
    assert (shop.place.account, shop.zone_place.account) == ("123456789012", "222233334444")
    (home / "reconciler.toml").write_text('accounts = ["123456789012"]')
    with pytest.raises(ConfigError, match="zone_account: 222233334444 is not one of `accounts`"):
        load(home)


def test_all_regions(write: Write) -> None:
    """Every enabled region is asked of AWS, and allows a service in any of them."""
    home = write()
    (home / "reconciler.toml").write_text('regions = "all"')
    assert load(home).reconciler.regions == ALL_REGIONS
    assert load(home).reconciler.all_regions


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"freeze"', '"follow"', 'database.writes = "follow" is not built yet'),
        ('engine  = "postgres"', 'engine = "rds"', 'database.engine = "rds" is not built yet'),
    ],
)
def test_what_is_not_built_is_refused_in_words(
    write: Write, old: str, new: str, words: str
) -> None:
    """The schema knows the key already; carrying it out is refused, not half done."""
    settings: Settings = load(write(old, new))
    with pytest.raises(ConfigError, match=f"^shop: {words}$") as refused:
        refuse_unbuilt(settings.service("shop"))
    assert ('engine = "postgres"' in refused.value.cure) == ("rds" in new)


def test_settings_are_values(write: Write) -> None:
    """Two loads of the same files are equal and nothing in them can be changed."""
    home = write()
    shop = load(home).service("shop")
    assert shop == load(home).service("shop")
    with pytest.raises(ValueError, match="frozen"):
        shop.keep = 3


def test_neither_boto3_nor_click_is_needed() -> None:
    """The settings can be imported where neither the AWS API nor a command line is."""
    code = (
        "import sys, reconciler.config.loader as s\n"
        "bad = {'click', 'boto3', 'botocore', 'paramiko', 'rich'} & set(sys.modules)\n"
        "sys.exit(' '.join(bad) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


EXAMPLE = Path(__file__).parents[4] / "config"


def _keys(schema: type[BaseModel]) -> Iterator[str]:
    """Every key that a file of this schema may have."""
    for name, field in schema.model_fields.items():
        yield field.alias or name
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                yield from _keys(one)


def test_the_shipped_example_loads() -> None:
    """The example is a configuration, not a text about one."""
    assert load(EXAMPLE).services


@pytest.mark.parametrize(
    ("schema", "file"), [(Service, "services/shop.toml"), (Reconciler, "reconciler.toml")]
)
def test_the_shipped_example_explains_every_key(schema: type[BaseModel], file: str) -> None:
    """A key that the schema knows and the example does not is documented nowhere."""
    text = (EXAMPLE / file).read_text()
    unsaid = [key for key in _keys(schema) if not re.search(rf"\b{key}\b", text)]
    assert set(unsaid) <= {"name"}
