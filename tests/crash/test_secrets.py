"""Secrets stay where they are: not one canary in anything that is said, written or shown.

They are the real ones (the admin's and the app's password, the SSH key, the AWS secret key) and
those of everything that a deployer's environment may hold. A failing and a good release run with
commands that show all they have.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import told
from tests.e2e.probes import fill
from tests.support.company import Done

pytestmark = pytest.mark.timeout(300)

INVENTED = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-4d1f0c7e",
    "PGPASSWORD": "canary-pg-77aa10fe",
    "GITHUB_TOKEN": "canary-git-0f0f8812",
    "HTTPS_PROXY": "http://proxy:canary-proxy-99ab12cd@127.0.0.1:9",
    "NO_PROXY": "*",
}
# The shell's own words only: a program would have the URL in its command line, which is its
# author's doing, and what the watch is there to find.
SHOWING = 'set -x; echo "$DATABASE_URL"; echo "no connection to $DATABASE_URL" >&2; exit 3'

LOOKS = (
    "deployer status shop",
    "deployer status shop --json",
    "deployer history shop",
    "deployer plan shop --json",
    "deployer doctor",
    "reconciler report --json",
    "reconciler plan --json",
    "reconciler sweep -v",
    "reconciler explain shop",
)


@dataclass
class Ears:
    """Everything that was said, and every command line that was seen on this host.

    The sandbox's machines are processes of this host, so theirs are among them.
    """

    shop: Shop
    canaries: dict[str, str]
    heard: dict[str, str] = field(default_factory=dict)
    seen_at_work: set[str] = field(default_factory=set)

    def run(self, *words: str) -> Done:
        """A command, with everything it says remembered."""
        done = self.shop.run(*words, env=INVENTED)
        self.heard[" ".join(words)] = done.out + done.err
        return done

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Command lines of all processes are looked at meanwhile, many times a second."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                self.seen_at_work |= {one for one in ("pg_dump", "pg_restore") if one in line}
                if any(one in line for one in self.canaries.values()):
                    self.heard[f"the command line of {path}"] = line

    def found(self) -> list[str]:
        """Where a canary was heard, and which."""
        return [
            f"{name} in {where}"
            for where, text in self.heard.items()
            for name, canary in self.canaries.items()
            if canary in text
        ]


@pytest.fixture
def ears(calm: Shop) -> Ears:
    """Canaries in their places."""
    key = calm.sandbox.places.config / "ssh" / "id_ed25519"
    lines = key.read_text().splitlines()
    known = {name: value for name, value in INVENTED.items() if "canary" in value}
    known["HTTPS_PROXY"] = "canary-proxy-99ab12cd"
    known["the admin's password"] = urlsplit(calm.admin_url()).password or ""
    known["the app's password"] = known["the admin's password"].replace("admin-", "shop-")
    known["the SSH key"] = lines[len(lines) // 2]
    assert all(len(one) > 10 for one in known.values())
    return Ears(calm, known)


def test_no_canary_leaves_its_place(ears: Ears) -> None:
    """In no output, event, tag, ledger, console, user data, request or command line."""
    shop = ears.shop
    remote = "https://canary-git-0f0f8812@127.0.0.1:9/shop.git"
    source = re.search(r'^source += "(.*)"', shop.service_file().read_text(), re.MULTILINE)
    assert source is not None
    subprocess.run(["git", "-C", source[1], "config", "remote.origin.url", remote], check=True)
    _keep_a_journal(shop)
    fill(shop, 20_000)
    with ears.watching():
        shop.configure("^migrate  = .*$", f"migrate = ['{SHOWING}']")
        failed = ears.run("deployer", "up", "shop", "--ref", "v1.5.0", "-v")
        assert failed.code == Exit.FAILED, failed
        assert "postgresql://shop:***@" in failed.err  # it did show what it had
        shop.configure("^migrate = .*$", 'migrate = ["./bin/migrate"]')
        shop.configure("^install = .*$", 'install = ["./bin/install", "cat /etc/shop/env"]')
        told(ears.run("deployer", "up", "shop", "--ref", "v1.5.0", "--json", "-v"), Exit.DONE)
        told(ears.run("deployer", "rollback", "shop", "--discard-writes", "-v"), Exit.DONE)
    for line in LOOKS:
        ears.run(*line.split(" "))
    _look_around(ears)
    assert ears.seen_at_work == {"pg_dump", "pg_restore"}
    assert ears.found() == []


def _keep_a_journal(shop: Shop) -> None:
    """Every command of this test is told in a bucket, with its stream of events."""
    place = {"LocationConstraint": "eu-west-1"}
    shop.aws("s3").create_bucket(Bucket="told", CreateBucketConfiguration=place)
    shop.configure("^record ", 'journal = "s3://told"\nrecord ')


def _look_around(ears: Ears) -> None:
    """What is left of it all, in AWS and in the sandbox."""
    shop, ec2 = ears.shop, ears.shop.aws("ec2")
    ears.heard["the records"] = repr(shop.records())
    ears.heard["the tags"] = json.dumps(ec2.describe_tags()["Tags"])
    ears.heard["the requests"] = repr(shop.faults.requests())
    s3 = shop.aws("s3")
    told = [one["Key"] for one in s3.list_objects_v2(Bucket="told")["Contents"]]
    assert len(told) >= 6  # three runs, each with its stream
    for key in told:
        body = s3.get_object(Bucket="told", Key=key)["Body"].read()
        ears.heard[f"the journal's {key}"] = body.decode()
    ears.heard["images"] = repr(ec2.describe_images(Owners=["self"])["Images"])
    # The first machine was made by the company, which wrote its app's password into the user data.
    made = [
        one for one in shop.resources()["instance"] if shop.tags(one).get("deploy-hold") is None
    ]
    assert made
    for id_ in made:
        asked = {"InstanceId": id_, "Attribute": "userData"}
        said = ec2.describe_instance_attribute(**asked)["UserData"].get("Value", "")
        ears.heard[f"user data of {id_}"] = _plain(said)
        ears.heard[f"console of {id_}"] = ec2.get_console_output(InstanceId=id_).get("Output", "")
    with psycopg.connect(shop.admin_url()) as session:
        comments = session.execute("SELECT description FROM pg_shdescription").fetchall()
        ears.heard["comments of the databases"] = repr(comments)


def _plain(encoded: str) -> str:
    import base64

    return base64.b64decode(encoded).decode(errors="replace")


def test_a_canary_is_heard(ears: Ears) -> None:
    """The watch is no decoration: a password in a command line is found."""
    password = ears.canaries["the admin's password"]
    with ears.watching(), subprocess.Popen(["sh", "-c", "sleep 9; true", password]) as loud:
        while not ears.found():
            assert loud.poll() is None
        loud.kill()
    assert ears.found()
