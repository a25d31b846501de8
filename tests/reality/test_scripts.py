"""What the product's scripts do on a machine, apart from who acts: real ones and the imitation."""

from __future__ import annotations

import pytest

from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_control import Act
from tests.reality import zoo
from tests.reality.laboratory import SSH_PORT, Laboratory, Machine
from tests.reality.product import product
from tests.reality.situations import ACT, LATER

pytestmark = pytest.mark.timeout(900)

_RUN = Act(42, LATER, "run", "run")
_FAILING = "zoo-fails.service"
_FAILS = f"""\
cat > /etc/systemd/system/{_FAILING} <<'X'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "cat /srv/words; exit 1"
X
mkdir -p /var/log/journal; systemctl daemon-reload
"""


@pytest.fixture(params=["container", "imitation"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """A machine that boots, of each kind."""
    made: Laboratory = request.getfixturevalue(f"{request.param}_laboratory")
    return made.boot()


def test_a_oneshot_among_the_jobs(machine: Machine) -> None:
    """It is refused by its name before it runs: every sweep would run it again."""
    [row] = (row for row in zoo.ROWS if row.name == "zoo-once")
    gate = ActivationGate((), (zoo.ONCE,))
    machine.root(zoo.install_script([row]))
    machine.root(product().adopt(gate, ACT))
    code, out = machine.attempt(product().obey(gate, _RUN))
    assert machine.root(zoo.ACTED) == ""
    assert code
    assert f"unit {zoo.ONCE} is of Type=oneshot" in out


def test_the_gate_runs_with_no_unit(machine: Machine) -> None:
    """A machine that was told to run has no unit of ours, which others would start again."""
    [row] = (row for row in zoo.ROWS if row.name == "zoo-simple")
    machine.root(zoo.install_script([row]))
    machine.root(product().obey(zoo.gate([row]), _RUN))
    assert machine.root(zoo.ACTED) == "zoo-simple\n"
    files = machine.root("systemctl list-unit-files --no-legend --no-pager")
    assert [line for line in files.splitlines() if line.startswith("deployer")] == []


def test_an_error_shows_this_boot_alone(machine: Machine) -> None:
    """The last lines of a unit that does not start, not those of an earlier boot."""
    machine.root(f"{_FAILS}echo 'words of the first boot' > /srv/words")
    machine.attempt(f"systemctl start {_FAILING}")
    assert "words of the first" in machine.root(f"journalctl -u {_FAILING} -o cat --no-pager")
    machine.reboot()
    machine.root("echo 'words of the second boot' > /srv/words")
    code, out = machine.attempt(product().obey(ActivationGate((_FAILING,)), _RUN))
    assert code
    assert "words of the second boot" in out
    assert "words of the first boot" not in out


def test_a_boot_is_quiet(machine: Machine) -> None:
    """A port that accepts before sshd listens: nobody's log has a line for each attempt."""
    assert product().log_of_connecting(machine.spec.address, SSH_PORT) == ""
