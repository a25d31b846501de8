"""Where the commands are run: homes, users, credentials, terminals, pipes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from deployer.sandbox.client import Sandbox
from deployer.sandbox.faults import FaultClient
from reconciler.exits import Exit
from tests.company import Company, Done, ask
from tests.e2e.eyes import let_time_pass, said, writable

ROOT = os.geteuid() == 0
NOBODY = 65534
WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""What makes file modes count for root too."""

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[@-Z\\-_])")


# Homes and users


def test_no_state_on_disk(adopted: Company, tmp_path: Path) -> None:
    """Each command from another empty, read-only home and directory: nothing is kept there."""
    lines = [
        "deployer up shop --ref v1.5.0",
        "deployer status shop --exit-code",
        "deployer rollback shop --discard-writes",
        "deployer history shop",
        "reconciler sweep",
        "reconciler report",
    ]
    for number, line in enumerate(lines):
        home = tmp_path / f"home{number}"
        home.mkdir(mode=0o500)
        assert _at_home(adopted, home, "touch", str(home / "x")).code != 0, "home is writable"
        done = _at_home(adopted, home, *adopted.command(*line.split(" ")))
        assert done.code == 0, (line, done)
        assert list(home.iterdir()) == []
    assert adopted.version() == "v1.4.2"
    assert writable(adopted) == ["shop"]


def _at_home(company: Company, home: Path, *argv: str) -> Done:
    env = {key: value for key, value in company.environment.items() if "XDG" not in key}
    done = subprocess.run(
        [*(WITHOUT_POWERS if ROOT else ()), *argv],
        env={**env, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Ordinary(Company):
    """The company whose commands are run by a user without any powers."""

    def command(self, tool: str, *words: str) -> list[str]:
        return [*_as_nobody(), *super().command(tool, *words)]

    @property
    def environment(self) -> dict[str, str]:
        return _plain(self.sandbox.process_environment())


@pytest.fixture
def ordinary() -> Iterator[Ordinary]:
    """A sandbox that belongs to an ordinary user: root stands in for one."""
    top = Path(tempfile.mkdtemp(prefix="ordinary-"))
    if _as_nobody()[:1] == ["setpriv"]:
        os.chown(top, NOBODY, NOBODY)
    top.chmod(0o755)
    sandbox = Sandbox.at(top / "box")
    one = Ordinary(sandbox)
    command = one.command("deployer", "sandbox", "up", "--dir", str(top / "box"))
    try:
        subprocess.run(command, env=_plain(dict(os.environ)), cwd=top, check=True, text=True)
        yield one
    finally:
        command = one.command("deployer", "sandbox", "down", "--dir", str(top / "box"))
        subprocess.run(command, env=_plain(dict(os.environ)), cwd=top, check=True, text=True)
        shutil.rmtree(top)


@pytest.mark.skipif(not ROOT, reason="every other test is run by an ordinary user already")
def test_an_ordinary_user_releases(ordinary: Ordinary) -> None:
    """Sandbox, machines, database, release, failure and rollback need no privilege at all."""
    ordinary.adopt()
    before = ordinary.things()
    failed = ordinary.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    assert ordinary.things() == before
    ordinary.up("v1.5.0")
    assert ordinary.version() == "v1.5.0"
    ordinary.ok("deployer", "rollback", "shop", "--discard-writes")
    assert ordinary.version() == "v1.4.2"
    ordinary.ok("reconciler", "plan", "--exit-code")


def _as_nobody() -> list[str]:
    """A real other user; where that cannot read the code, one in a namespace of its own."""
    if not ROOT:
        return []
    real = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # A process of its own: the first one is still started with root's powers.
    again = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import deployer'])"
    probe = subprocess.run(
        [*real, sys.executable, "-c", f"{again}.check_returncode()"],
        env=_plain(dict(os.environ)),
        capture_output=True,
        check=False,
    )
    mapped = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    return real if probe.returncode == 0 else mapped


def _plain(env: dict[str, str]) -> dict[str, str]:
    """Without what only makes sense for the one who runs the tests."""
    kept = {k: v for k, v in env.items() if not k.startswith(("COVERAGE", "COV_", "XDG"))}
    return {**kept, "HOME": "/nonexistent"}


# Credentials


LOOKS_AND_ACTS = [
    "deployer up shop",
    "deployer status",
    "deployer rollback shop",
    "reconciler sweep",
]


def test_the_wrong_account(adopted: Company) -> None:
    """Nothing is asked of an account that is not the configured one."""
    adopted.configure("^account = .*", 'account = "999999999999"')
    before = adopted.ledger()
    for line in LOOKS_AND_ACTS:
        done = adopted.run(*line.split(" "))
        assert done.code in (Exit.ACCESS, Exit.USAGE), (line, done)
        assert "999999999999" in done.err, (line, done)
    assert adopted.ledger() == before


def test_no_credentials(adopted: Company, tmp_path: Path) -> None:
    """Said at once, with what to do."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    env = {key: value for key, value in adopted.environment.items() if key not in names}
    for line in LOOKS_AND_ACTS:
        done = subprocess.run(
            adopted.command(*line.split(" ")),
            env={**env, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == Exit.ACCESS, (line, done)
        assert "no AWS credentials" in done.stderr, (line, done)
        assert "aws sso login" in done.stderr, (line, done)
        assert "Traceback" not in done.stderr, (line, done)


def test_expired_credentials(adopted: Company, faults: FaultClient) -> None:
    """Said in these words, not as an HTTP status; nothing is changed."""
    before = adopted.ledger()
    faults.set("*", "error", code="ExpiredToken", status=403, times=0)
    for line in LOOKS_AND_ACTS:
        done = adopted.run(*line.split(" "))
        assert done.code == Exit.ACCESS, (line, done)
        assert "the AWS credentials have expired" in done.err, (line, done)
    faults.clear()
    assert adopted.ledger() == before


MADE = {
    "ec2:CreateImage": "UnauthorizedOperation",
    "ec2:RunInstances": "UnauthorizedOperation",
    "route53:ChangeResourceRecordSets": "AccessDenied",
}
ASKED = {"ec2:DescribeTags": "UnauthorizedOperation", "ssm:GetParameter": "AccessDeniedException"}


@pytest.mark.parametrize("action", [*MADE, *ASKED])
def test_a_permission_that_is_withheld(adopted: Company, faults: FaultClient, action: str) -> None:
    """The message names the action; what was made is gone, and live kept its writes."""
    before, code = adopted.things(), (MADE | ASKED)[action]
    faults.set(action, "error", code=code, status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    faults.clear()
    # What cannot be read is unknown, and refused; what may not be made was denied.
    assert done.code == (Exit.ACCESS if action in MADE else Exit.REFUSED), done
    assert f"{action} is denied: {code}" in done.err
    assert "Traceback" not in done.err
    assert adopted.things() == before
    assert said(adopted).lease == ""
    assert writable(adopted) == ["shop"]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_a_clean_up_that_may_not_look(adopted: Company, faults: FaultClient) -> None:
    """Without DescribeImages nobody can tell what there is to remove: the lease's end does not."""
    before = adopted.things()
    faults.set("ec2:DescribeImages", "error", code="UnauthorizedOperation", status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code in (Exit.REFUSED, Exit.DIRT), done
    assert "ec2:DescribeImages is denied: UnauthorizedOperation" in done.err
    faults.clear()
    adopted.ok("reconciler", "sweep")
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]


def test_a_deletion_that_is_denied_is_listed(adopted: Company, faults: FaultClient) -> None:
    """Exit 4, each thing that stayed by its id, and the command that removes it."""
    before = adopted.things()
    faults.set("TerminateInstances", "error", code="UnauthorizedOperation", status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.6.0")
    assert done.code == Exit.DIRT, done
    [machine] = adopted.things()["instance"] - before["instance"]
    assert machine in done.err
    assert "ec2:TerminateInstances" in done.err
    assert "reconciler sweep --service shop" in done.err
    assert 'relation "orders_v2" does not exist' in done.err  # the first failure stays the first
    assert writable(adopted) == ["shop", *sorted(adopted.things()["database"] - before["database"])]
    faults.clear()
    adopted.ok("reconciler", "sweep")
    assert adopted.things() == before


def test_labels_that_cannot_be_written_are_an_unfinished_release(
    adopted: Company, faults: FaultClient
) -> None:
    """Past the commit nothing is undone: exit 5, said, and finished by the next sweep."""
    faults.set("CreateTags", "error", code="UnauthorizedOperation", status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.UNFINISHED, done
    assert "ec2:CreateTags" in done.out + done.err
    assert "reconciler sweep --service shop" in done.out + done.err
    assert adopted.version() == "v1.5.0"
    assert writable(adopted) == [adopted.get()["database"]]
    faults.clear()
    assert adopted.deployer("status", "shop", "--exit-code").code == Exit.TO_DO
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_credentials_that_expire_half_way(adopted: Company, faults: FaultClient) -> None:
    """Nothing can be undone then, and that is what it says; the next sweep does it."""
    before = adopted.things()
    with adopted.releasing("v1.5.0") as release:
        release.wait_for_step("connect")
        faults.set("*", "error", code="ExpiredToken", status=403, times=0)
        done = release.finish()
    faults.clear()
    assert done.code in (Exit.DIRT, Exit.ACCESS), done
    last = json.loads(done.out.splitlines()[-1])
    assert last["type"] == "result"
    assert "the AWS credentials have expired" in last["message"] + last["detail"]
    assert adopted.version() == "v1.4.2"
    let_time_pass(adopted, "until")
    adopted.ok("reconciler", "sweep")
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]


# Streams


def test_every_stream_follows_the_published_schema(adopted: Company) -> None:
    """A version line first, a result with the exit code last, and each line as published."""
    broken = ("up", "shop", "--ref", "v1.6.0")
    streams = [
        adopted.deployer("adopt", "shop", "--yes", "--json"),
        adopted.deployer(*broken, "--json"),
        adopted.deployer(*broken, "--json", "--keep-failed", "1h"),
        adopted.deployer("up", "shop", "--ref", "v1.5.0", "--json"),
        adopted.deployer("rollback", "shop", "--json"),
        adopted.deployer("rollback", "shop", "--json", "--discard-writes"),
        adopted.deployer("rollback", "shop", "--json", "--to", "nonsense"),
        adopted.deployer("abort", "shop", "--json", "--yes"),
        adopted.deployer("up", "shop", "--ref", "no-such-ref", "--json"),
        adopted.reconciler("sweep", "--json"),
    ]
    assert [one.code for one in streams] == [0, 1, 1, 0, 3, 0, 2, 3, 2, 0], _all(streams)
    check = jsonschema.Draft202012Validator(SCHEMA)
    check.check_schema(SCHEMA)
    for stream in streams:
        events = [json.loads(line) for line in stream.out.splitlines()]
        for event in events:
            faults = [one.message for one in check.iter_errors(event)]
            assert faults == [], event
        last = events[-1]
        assert (last["type"], last["exit"]) == ("result", stream.code), stream
        if len(events) > 1:
            assert events[0]["type"] == "version", stream
    types = {event["type"] for stream in streams for event in stream.events}
    assert types >= {"step-progress", "freeze-began", "freeze-ended", "clean-up-item", "released"}


def _all(streams: list[Done]) -> str:
    return "\n\n".join(map(str, streams))


def test_on_a_terminal(adopted: Company) -> None:
    """The steps are drawn with colour within 80 columns, and the summary is what stays."""
    code, seen = _on_terminal(adopted, {}, "deployer", "up", "shop", "--ref", "v1.5.0")
    assert code == 0, seen
    assert COLOUR.search(seen)
    text = ESCAPE.sub("", seen)
    steps = ("guard", "image", "launch", "code", "database", "migrate", "start", "smoke", "commit")
    for step in steps:
        assert re.search(rf"✓ {step} ", text), (step, text)
    assert "v1.4.2 → v1.5.0" in text
    assert "Ctrl-C undoes everything so far; live goes on as v1.4.2." in text
    lines = [one.strip() for one in re.split(r"[\r\n]+", text) if one.strip()]
    assert max(len(one) for one in lines) <= 80
    assert lines[-1] == "Is it well?   deployer status shop"
    assert lines[-2].startswith("Back          deployer rollback shop")
    assert any(one.startswith("shop is live on v1.5.0 (was v1.4.2)") for one in lines)


def test_on_a_terminal_without_colour(adopted: Company) -> None:
    """NO_COLOR: the same words; a failure is told whole below the picture."""
    no_colour = {"NO_COLOR": "1"}
    code, seen = _on_terminal(adopted, no_colour, "deployer", "up", "shop", "--ref", "v1.6.0")
    assert code == Exit.FAILED, seen
    assert not COLOUR.search(seen)
    text = ESCAPE.sub("", seen)
    assert "✗ smoke" in text
    assert 'relation "orders_v2" does not exist' in text
    assert "shop stays on v1.4.2, which kept serving." in text
    assert "Removed: " in text
    assert "--keep-failed" in text


def _on_terminal(company: Company, env: dict[str, str], *words: str) -> tuple[int, str]:
    """Exit code and everything written to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    plain = {k: v for k, v in company.environment.items() if k not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        company.command(*words),
        env={**plain, "TERM": "xterm", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_goes_away(adopted: Company, as_json: bool) -> None:
    """`| head -1` has seen enough: the release goes on to its end all the same."""
    command = adopted.command("deployer", "up", "shop", "--ref", "v1.5.0")
    process = subprocess.Popen(
        [*command, "--json"] if as_json else command,
        env=adopted.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=150) == 0
    assert adopted.version() == "v1.5.0"
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_lines_in_a_pipe(adopted: Company) -> None:
    """Without a terminal: a line an event with its time, no escapes; the result on stdout alone."""
    done = adopted.up("v1.5.0")
    assert "\x1b" not in done.out + done.err
    lines = done.err.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d \S", one) for one in lines), done.err
    assert lines[0].split()[1] == "guard"
    assert done.out.startswith("shop is live on v1.5.0 (was v1.4.2)")
    assert "guard" not in done.out


def test_a_hang_up_of_the_terminal_undoes(adopted: Company) -> None:
    """A closed laptop is SIGHUP: everything is undone as with Ctrl-C."""
    before = adopted.things()
    with adopted.releasing("v1.5.0") as release:
        release.wait_for_step("code")
        release.send(signal.SIGHUP)
        done = release.finish()
    assert done.code == 128 + signal.SIGHUP, done
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]
