"""Bad input and a hostile zone: refused before anything is made, in a few lines, by the right code.

None of these may send AWS one request that could change anything.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, swap_record
from tests.crash.unchanged_service import refused, told, untouched
from tests.support.company import LEDGER

RECORD = "shop.example.test"
PARAMETER = "/shop/db-admin-url"

CONFIGURATIONS: dict[str, tuple[str, str, str]] = {
    "not TOML": (r"\Z", "\nbogus = [", "services/shop.toml: is not TOML"),
    "binary": (r"\A", "\x00", "services/shop.toml: is not TOML"),
    "an unknown key": ("^keep ", "kepp ", "kepp: is not a key we know; did you mean keep?"),
    "a key that is missing": ("^record .*$", "", "record: is missing"),
    "a duration that is none": (r"\Z", '\n[lease]\nlength = "soon"', "lease.length: 'soon' is not"),
    "a password for a reference": ('"ssm:[^"]*"', '"pg://u:hunter2@h/d"', "a reference is wanted"),
    "what is not built": (
        '"freeze"',
        '"follow"',
        'database.writes = "follow" is not built yet',
    ),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_configuration_that_is_wrong(calm: Shop, case: str) -> None:
    """Exit 2 with the file and the key; AWS is asked nothing that changes it."""
    pattern, to, says = CONFIGURATIONS[case]
    path = calm.service_file()
    text, count = re.subn(pattern, to, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)
    with untouched(calm):
        done = calm.deployer("up", "shop", "--ref", "v1.5.0")
    refused(done, Exit.USAGE, says)
    assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("deployer up sohp", "did you mean shop?"),
        ("reconciler sweep --service sohp", "did you mean shop?"),
        ("deployer up shop --ref nowhere", "has no commit 'nowhere'"),
        ("deployer up shop --wait soon", "'soon' is not a duration"),
        ("deployer rollback shop --to latest", "see deployer history"),
        ("deployer up shop --config /nowhere", "deployer init"),
        ("reconciler explain i-nothing", "reconciler report"),
        ("reconciler hold i-nothing why", "reconciler report"),
    ],
)
def test_a_command_line_that_is_wrong(calm: Shop, line: str, says: str) -> None:
    """A name or a value that means nothing: exit 2, and where it should have come from."""
    with untouched(calm):
        refused(calm.run(*line.split(" ")), Exit.USAGE, says)


EDITED: dict[str, Callable[[str], str]] = {
    "version": lambda text: re.sub(r"v=\d", "v=3", text),
    "generation": lambda text: re.sub(r"gen=\d+", "gen=x", text),
    "no generation": lambda text: re.sub(r" gen=\d+", "", text),
    "name of a field": lambda text: text.replace("live=", "liev="),
    "id": lambda text: re.sub(r"live=shop/\d{8}T", "live=shop/T", text),
    "another service": lambda text: text.replace("live=shop/", "live=blog/"),
    "address": lambda text: re.sub(r"at=[\d.]+", "at=localhost", text),
    "a lease without time": lambda text: f'{text} "lease=shop/20261123T031502Z-aaaaa step=x"',
    "previous twice live": lambda text: f"{text} {_previous(text)}",
    "other text": lambda _: '"v=spf1 -all"',
    "blanks": lambda text: text.replace('" "', '"  "'),
}


def _previous(text: str) -> str:
    live = re.search(r"live=(\S+)", text)
    assert live is not None
    return f'"previous={live[1]} retired=20261123T031502Z at=127.0.0.1"'


def test_a_ledger_edited_by_hand(calm: Shop) -> None:
    """Each field broken: unknown, exit 3 (a sweep: 4), what is wrong, and how to write it anew."""
    good = calm.ledger()
    with _putting_back(calm, LEDGER, "TXT"):
        for field, edit in EDITED.items():
            assert edit(good) != good, field
            swap_record(calm, LEDGER, "TXT", (edit(good),))
            with untouched(calm):
                done = calm.deployer("up", "shop", "--ref", "v1.5.0")
                refused(done, Exit.REFUSED, "shop is unknown", "deployer recover shop")
                swept = calm.reconciler("sweep", "--service", "shop")
                refused(swept, Exit.DIRT, "shop is unknown", "deployer ")


def test_a_second_value_beside_the_ledger(calm: Shop) -> None:
    """Which one counts is nobody's guess: said, with the one that is to stay."""
    with _putting_back(calm, LEDGER, "TXT"):
        swap_record(calm, LEDGER, "TXT", (calm.ledger(), '"v=spf1 -all"'))
        with untouched(calm):
            done = calm.deployer("up", "shop", "--ref", "v1.5.0")
            refused(done, Exit.REFUSED, "TXT (2 values)", 'begins with "v=1"')


def test_a_second_address_by_hand(calm: Shop) -> None:
    """People win: reported, never put back; a release waits for `adopt` or `recover`."""
    (live,) = calm.pointed_at()
    with _putting_back(calm, RECORD, "A"):
        swap_record(calm, RECORD, "A", (live, "127.99.0.1"))
        with untouched(calm):
            for line in ("up shop --ref v1.5.0", "rollback shop"):
                done = calm.deployer(*line.split(" "))
                refused(done, Exit.REFUSED, "127.99.0.1", "somebody moved it", "adopt shop")
            told(calm.deployer("status", "shop"), Exit.DONE, "somebody moved it")
            told(calm.deployer("status", "shop", "--exit-code"), Exit.TO_DO, "somebody moved it")
            told(calm.reconciler("sweep"), Exit.DIRT, "somebody moved it", "adopt shop")


@contextmanager
def _putting_back(shop: Shop, name: str, kind: str) -> Iterator[None]:
    values = shop.records()[name, kind]
    try:
        yield
    finally:
        swap_record(shop, name, kind, values)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("deploy-id", "garbage", "there is nothing to clone"),
        ("deploy-id", "shop/20261123T0315Z", "there is nothing to clone"),
        ("deploy-ledger", "nowhere", "is not proved to be its machine"),
        ("deploy-part", "potato", "is not proved to be its machine"),
        ("deploy-state", "LIVE!", "is labelled LIVE!, should be live"),
    ],
)
def test_tags_of_the_live_machine_that_do_not_parse(
    calm: Shop, key: str, value: str, says: str
) -> None:
    """It is not cloned, since nobody would then stop its jobs; why is one command away."""
    [machine] = [one["InstanceId"] for one in calm.instances()]
    before = calm.tags(machine)[key]
    calm.aws("ec2").create_tags(Resources=[machine], Tags=[{"Key": key, "Value": value}])
    try:
        with untouched(calm):
            done = calm.deployer("up", "shop", "--ref", "v1.5.0")
            refused(done, Exit.REFUSED, says)
            told(calm.deployer("status", "shop"), Exit.DONE, "live")
            told(calm.reconciler("plan"), Exit.DONE)
    finally:
        calm.aws("ec2").create_tags(Resources=[machine], Tags=[{"Key": key, "Value": before}])


WRONG: dict[str, tuple[Callable[[str], str], Exit, str]] = {
    "its password": (
        lambda url: re.sub(r":[^:@]*@", ":canary-9f1c@", url),
        Exit.ACCESS,
        "password authentication failed",
    ),
    "its port": (lambda url: re.sub(r":\d+/", ":1/", url), Exit.REFUSED, "Connection refused"),
    "its form": (lambda _: "canary-9f1c", Exit.USAGE, "is not a PostgreSQL URL"),
    "an escape": (
        lambda _: "postgresql://u:canary-9f1c/y@h:5432/x",
        Exit.USAGE,
        "is not a PostgreSQL URL",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_database_that_refuses(calm: Shop, wrong: str) -> None:
    """Seen before anything is made; the URL is not shown, whatever is wrong with it."""
    spoil, code, says = WRONG[wrong]
    url = calm.admin_url()
    with _parameter(calm, spoil(url)), untouched(calm):
        done = calm.deployer("up", "shop", "--ref", "v1.5.0")
        refused(done, code, "the databases of shop cannot be listed", says)
        swept = calm.reconciler("sweep", "-v")
        told(swept, Exit.DIRT, says)
        traced = calm.deployer("up", "shop", "--ref", "v1.5.0", "-v")
    assert "Traceback" in traced.err
    assert not [one for one in (done, swept, traced) if "canary-9f1c" in one.out + one.err]


@contextmanager
def _parameter(shop: Shop, value: str) -> Iterator[None]:
    ssm: Any = shop.aws("ssm")
    before = shop.admin_url()
    put = {"Name": PARAMETER, "Type": "SecureString", "Overwrite": True}
    ssm.put_parameter(Value=value, **put)
    try:
        yield
    finally:
        ssm.put_parameter(Value=before, **put)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("ssm:/shop/none", "there is no SSM parameter /shop/none"),
        ("env:NOT_SET", "the environment variable NOT_SET is not set"),
        ("file:/nowhere", "file:/nowhere cannot be read: No such file"),
    ],
)
@pytest.mark.parametrize("key", ["admin", "key "])
def test_a_reference_that_leads_nowhere(calm: Shop, key: str, reference: str, says: str) -> None:
    """A matter of configuration: exit 2, before anything is made that would want the secret."""
    calm.configure(f"^{key} +=.*", f'{key} = "{reference}"')
    with untouched(calm):
        refused(calm.deployer("up", "shop", "--ref", "v1.5.0"), Exit.USAGE, says)


LEAVING = {
    "climbs": tarfile.TarInfo("../evil"),
    "is absolute": tarfile.TarInfo("/etc/evil"),
    "links out": tarfile.TarInfo("link"),
}


@pytest.mark.parametrize("how", LEAVING)
def test_an_archive_that_leaves_its_root(calm: Shop, tmp_path: Path, how: str) -> None:
    """Every entry is looked at before AWS is asked anything that changes it."""
    member = LEAVING[how]
    if how == "links out":
        member.type, member.linkname = tarfile.SYMTYPE, "../../etc/passwd"
    archive = tmp_path / "shop-v2.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(member, io.BytesIO())
    calm.configure("^source .*$", f'source = "{archive}"')
    with untouched(calm):
        refused(calm.deployer("up", "shop"), Exit.USAGE, "the code has an entry", member.name)


READS = {
    "ec2:DescribeTags": "UnauthorizedOperation",
    "ec2:DescribeInstances": "UnauthorizedOperation",
    "route53:ListHostedZones": "AccessDenied",
    "route53:ListResourceRecordSets": "AccessDenied",
    "ssm:GetParameter": "AccessDeniedException",
}


@pytest.mark.parametrize("action", READS)
def test_a_read_that_is_denied(calm: Shop, action: str) -> None:
    """Permissions are permissions (6), whichever read it is; the action is named. A sweep: 4."""
    calm.faults.set(action, "error", code=READS[action], status=403, times=0)
    with untouched(calm):
        for words in ("up shop --ref v1.5.0", "rollback shop", "plan shop"):
            done = calm.deployer(*words.split(" "))
            if "rollback" in words and action == "ssm:GetParameter":
                continue  # nothing to roll back to: said before a database is asked
            told(done, Exit.ACCESS, f"{action} is denied: {READS[action]}", f"allow {action}")
        # Without the zone nothing can be entered; else it is a scope that could not be read.
        code = Exit.ACCESS if action == "route53:ListHostedZones" else Exit.DIRT
        told(calm.reconciler("sweep"), code, f"{action} is denied")
