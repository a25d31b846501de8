"""What only a machine with a kernel, a firmware and a disk of its own can show."""

from __future__ import annotations

import re
import time

import pytest

from reconciler.machine.activation_gate import IDENTITY
from tests.reality import zoo
from tests.reality.laboratory import Laboratory, Machine, until
from tests.reality.situations import ORDERS, Differ, Walk
from tests.reality.vm.conftest import Note

pytestmark = [pytest.mark.vm, pytest.mark.timeout(7200)]

_WRITER = r"""
systemctl start postgresql
cat > /srv/setup.sql <<'X'
create table journal (n bigint primary key, text text);
create extension amcheck;
alter system set checkpoint_timeout = '1h';
select pg_reload_conf();
checkpoint;
X
cat > /srv/write <<'X'
n=0
while n=$((n + 1)); do
  echo "insert into journal values ($n, repeat('x', 500)); select pg_sleep(0.02);"
done | su postgres -c "psql -q" > /dev/null
X
cd /; su postgres -c "psql -q -v ON_ERROR_STOP=1 -f /srv/setup.sql"
echo before > /srv/before; sync
systemd-run sh /srv/write
"""
_COMMITTED = "cd /; su postgres -c \"psql -qAt -c 'select coalesce(max(n), 0) from journal'\""
_RECOVERED = r"""
systemctl start postgresql; cd /
su postgres -c "psql -qAt -F ' ' -v ON_ERROR_STOP=1" <<'X'
select 'rows', count(*), min(n), max(n) from journal;
select 'index', bt_index_check('journal_pkey', true);
X
grep -h -e 'not properly shut down' -e 'redo starts' -e 'redo done' /var/log/postgresql/*.log
"""


def test_nobody_acts_who_must_not(laboratory: Laboratory, note: Note, differ: Differ) -> None:
    """The table of units: first clone of an adopted machine, later clone, reboots."""
    begun = time.monotonic()
    production = laboratory.boot()
    _tell(note, production, begun)
    production.await_end_of_boot()
    production.root(zoo.install_script())
    walk = Walk(laboratory, ORDERS[0], zoo.ROWS, patience=300)
    walk.go(production)
    note(
        f"{len(zoo.ROWS)} rows of the table, {len(laboratory.made)} machines: who acted and "
        f"must not, or did not and must: {', '.join(walk.differences) or 'nobody'}"
    )
    differ(walk.differences)


def test_an_image_of_a_machine_that_writes(laboratory: Laboratory, note: Note) -> None:
    """PostgreSQL on the machine's disk: a clone replays its log, and has all that was committed.

    `files = "lose"`: what is written after the image is not in the clone.
    """
    live = laboratory.boot()
    live.await_end_of_boot()
    live.root(_WRITER)
    until(lambda: int(live.root(_COMMITTED)) > 0, "it does not begin to write", live.patience)
    before = int(live.root(_COMMITTED))
    begun = time.monotonic()
    image = laboratory.image_of(live)
    seconds = time.monotonic() - begun
    after = int(live.root(_COMMITTED))
    live.root("echo after > /srv/after; sync")
    assert after > before, "it did not go on writing"

    clone = laboratory.boot(image)
    told = clone.root(_RECOVERED)
    rows, least, most = _numbers(told)
    note(f"imaged in {seconds:.2f} s while it wrote: row {before} before, row {after} after")
    note(f"the clone has the rows {least} to {most}, {rows} of them, and a sound index")
    note("; ".join(re.findall(r"LOG:  (.*)", told)))
    assert (rows, least) == (most, 1)
    assert before <= most <= after
    assert "redo starts" in told
    assert "not properly shut down" in told

    assert live.root("cat /srv/before /srv/after") == "before\nafter\n"
    assert clone.root("cat /srv/before; ls /srv/after 2>&1 || :").startswith("before\nls: ")
    note('files = "lose": the file of after the image is on live alone')


def _numbers(told: str) -> tuple[int, int, int]:
    found = re.search(r"^rows (\d+) (\d+) (\d+)$", told, re.MULTILINE)
    assert found, told
    rows, least, most = map(int, found.groups())
    return rows, least, most


def _tell(note: Note, machine: Machine, begun: float) -> None:
    """How the first machine boots, and that firmware and metadata tell the same id."""
    name = machine.spec.instance_id
    assert machine.root(f'{IDENTITY}echo "$instance"') == f"{name}\n"
    note(
        f"SSH answers {time.monotonic() - begun:.0f} s after the start; the firmware's asset "
        "tag is the instance's id"
    )
    asked = machine.root(
        "curl() { python3 -c 'import sys, urllib.request as r\n"
        "try: print(r.urlopen(r.Request(sys.argv[1])).status)\n"
        'except r.HTTPError as e: print(e.code)\' "$@"; }\n'
        "curl http://169.254.169.254/latest/meta-data/instance-id\n"
        "cloud-init query cloud_name subplatform 2>/dev/null || cloud-init query subplatform"
    )
    note(
        f"metadata without a token: {asked.splitlines()[0]}; cloud-init's source: "
        f"{asked.splitlines()[-1]}"
    )
    assert asked.startswith("401\n")
    assert "169.254.169.254" in asked
