"""systemctl on a machine does what a release relies on."""

from __future__ import annotations

import pytest

from tests.sandbox.machines.lab import Client, Lab, wait_for

pytestmark = pytest.mark.timeout(60)

_SLEEP = "ExecStart=/bin/sleep 1000\n"


def install(
    client: Client, text: str, name: str = "app", where: str = "/etc/systemd/system"
) -> None:
    """Write a unit's [Service] (and more)."""
    done = client.run(f"sudo tee {where}/{name}.service", f"[Service]\n{text}".encode())
    assert done.code == 0


def is_active(client: Client, name: str = "app") -> str:
    """One word."""
    return client.run(f"systemctl is-active {name}").out.strip()


def test_a_simple_service_runs_until_stopped(client: Client) -> None:
    """Start, look, stop; every process of it ends, detached ones too."""
    install(client, "ExecStart=/bin/sh -c 'setsid sleep 1111 & exec sleep 2222'\n")
    client("sudo systemctl start app")
    pid = client("systemctl show -p MainPID --value app")
    assert client(f"cat /proc/{pid}/comm") == "sleep"
    wait_for(lambda: client.run("pgrep -f 'sleep 1111'").code == 0)
    assert client("systemctl is-active app.service") == "active"
    client("sudo systemctl stop app")
    assert client.run("pgrep -x sleep").code == 1
    assert client.run("systemctl is-active app").code == 3
    assert client.run("systemctl status app").code == 3


def test_a_crash_is_seen_and_restarted(client: Client) -> None:
    """Restart=on-failure brings it back; NRestarts counts; a clean exit is not restarted."""
    install(client, _SLEEP + "Restart=on-failure\nRestartSec=50ms\n")
    client("sudo systemctl start app")
    first = client("systemctl show -p MainPID --value app")
    client(f"sudo kill -9 {first}")
    wait_for(lambda: client("systemctl show -p MainPID --value app") not in (first, "0"))
    assert client("systemctl show -p NRestarts app") == "NRestarts=1"
    client("sudo kill $(systemctl show -p MainPID --value app)")
    wait_for(lambda: is_active(client) == "inactive")


def test_a_service_that_cannot_live_fails(client: Client) -> None:
    """Without Restart= it is failed at once; with it after five tries."""
    install(client, "ExecStart=/bin/false\n")
    assert client.run("sudo systemctl start app").code == 0
    wait_for(lambda: is_active(client) == "failed")
    assert client("systemctl show -p Result --value app") == "exit-code"
    assert client.run("systemctl is-failed app").code == 0
    install(client, "ExecStart=/bin/false\nRestart=always\nRestartSec=10ms\n", "again")
    client("sudo systemctl start again")
    wait_for(lambda: is_active(client, "again") == "failed")
    assert client("systemctl show -p Result --value again") == "start-limit-hit"
    client("sudo systemctl reset-failed")
    assert is_active(client) == "inactive"


@pytest.mark.parametrize(
    ("more", "code"),
    [("ExecStart=/no/such\n", "203"), (_SLEEP + "WorkingDirectory=/none\n", "200")],
)
def test_what_cannot_be_executed_fails_with_systemds_code(
    client: Client, more: str, code: str
) -> None:
    """203/EXEC and 200/CHDIR, a moment after a start that succeeds."""
    install(client, more)
    assert client.run("sudo systemctl start app").code == 0
    wait_for(lambda: is_active(client) == "failed")
    assert client("systemctl show -p ExecMainStatus --value app") == code


def test_environment_directory_and_user(client: Client) -> None:
    """What the unit says is what the process gets; a missing file fails, one with `-` does not."""
    client("sudo sh -c 'mkdir /etc/app; echo DATABASE_URL=x://y > /etc/app/env'")
    install(
        client,
        'WorkingDirectory=/srv\nUser=ubuntu\nEnvironment=A=1 "B=b c"\n'
        "EnvironmentFile=/etc/app/env\nEnvironmentFile=-/none\n"
        "ExecStart=/bin/sh -c 'echo $DATABASE_URL $A $B $HOME $(whoami) $PWD; exec sleep 1000'\n",
    )
    client("sudo systemctl start app")
    wait_for(lambda: "x://y 1 b c /home/ubuntu ubuntu /srv" in client("journalctl -u app -n 9"))
    client("sudo rm /etc/app/env")
    done = client.run("sudo systemctl restart app")
    assert done.code == 1
    assert "unavailable resources" in done.err


def test_an_unmet_condition_is_a_quiet_no(client: Client) -> None:
    """start succeeds, nothing runs, ConditionResult says why; an assertion fails loudly."""
    install(client, _SLEEP + "[Unit]\nConditionPathExists=!/etc/clone\n")
    client("sudo touch /etc/clone; sudo systemctl start app")
    assert is_active(client) == "inactive"
    assert client("systemctl show -p ConditionResult --value app") == "no"
    client("sudo rm /etc/clone; sudo systemctl start app")
    assert is_active(client) == "active"
    install(client, _SLEEP + "[Unit]\nAssertPathExists=/etc/clone\n", "strict")
    assert client.run("sudo systemctl start strict").code == 1


def test_a_drop_in_can_hold_a_service_back(client: Client) -> None:
    """A condition in /etc/systemd/system/NAME.service.d is enough."""
    install(client, _SLEEP)
    client("sudo mkdir /etc/systemd/system/app.service.d")
    client(
        "printf '[Unit]\\nConditionPathExists=/run/free\\n' | "
        "sudo tee /etc/systemd/system/app.service.d/hold.conf"
    )
    client("sudo systemctl daemon-reload; sudo systemctl start app")
    assert is_active(client) == "inactive"
    client("sudo touch /run/free; sudo systemctl start app")
    assert is_active(client) == "active"


def test_masks(client: Client) -> None:
    """A masked unit does not start; a real file in /etc cannot be masked; run's mask loses."""
    install(client, _SLEEP, "vendor", "/usr/local/lib/systemd/system")
    client("sudo systemctl mask --now vendor")
    done = client.run("sudo systemctl start vendor")
    assert (done.code, "is masked" in done.err) == (1, True)
    assert client.run("systemctl is-enabled vendor").out == "masked\n"
    client("sudo systemctl unmask vendor; sudo systemctl start vendor")
    install(client, _SLEEP)
    assert client.run("sudo systemctl mask app").code == 1
    client("sudo systemctl mask --runtime app; sudo systemctl start app")
    assert is_active(client) == "active"


def test_oneshots(client: Client) -> None:
    """start waits for the end and tells of failure; RemainAfterExit stays active."""
    install(
        client,
        "Type=oneshot\nExecStart=/bin/sh -c 'sleep 0.1; echo x >> /srv/x'\nRemainAfterExit=yes\n",
    )
    client("sudo systemctl start app; sudo systemctl start app")
    assert client("cat /srv/x; systemctl show -p SubState --value app") == "x\nexited"
    install(client, "Type=oneshot\nExecStart=/bin/false\n", "bad")
    done = client.run("sudo systemctl start bad")
    assert (done.code, "journalctl" in done.err) == (1, True)
    assert is_active(client, "bad") == "failed"


def test_a_hanging_start_can_be_stopped(client: Client) -> None:
    """stop interrupts a oneshot that would take for ever."""
    install(client, "Type=oneshot\nExecStart=/bin/sleep 1000\n")
    client("sudo systemctl start --no-block app")
    wait_for(lambda: is_active(client) == "activating")
    client("sudo systemctl stop app")
    assert client.run("pgrep -x sleep").code == 1
    assert is_active(client) == "inactive"


def test_a_stubborn_service_is_killed(client: Client) -> None:
    """After TimeoutStopSec comes SIGKILL; ExecStop runs before."""
    install(
        client,
        "ExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'\n"
        "ExecStop=/bin/sh -c 'echo $MAINPID > /srv/stopped'\nTimeoutStopSec=200ms\n",
    )
    client("sudo systemctl start app")
    pid = client("systemctl show -p MainPID --value app")
    client("sudo systemctl stop app")
    assert client("cat /srv/stopped") == pid
    assert client.run(f"test -e /proc/{pid}").code == 1


def test_enabled_units_start_at_boot_in_order(lab: Lab) -> None:
    """After= is kept; what was started by hand only is not there after a reboot."""
    machine = lab.boot()
    client = lab.connect(machine)
    wanted = "[Install]\nWantedBy=multi-user.target\n"
    early = "Type=oneshot\nExecStart=/bin/sh -c 'sleep 0.2; echo z >> /srv/order'\n"
    install(client, early + wanted, "z")
    install(
        client,
        "ExecStart=/bin/sh -c 'echo a >> /srv/order; exec sleep 1000'\n"
        f"[Unit]\nAfter=z.service\n{wanted}",
        "a",
    )
    install(client, _SLEEP, "hand")
    client("sudo systemctl enable z a; sudo systemctl start hand")
    lab.machines.reboot(machine)
    lab.await_up(machine)
    client = lab.connect(machine)
    wait_for(lambda: client.run("cat /srv/order").out == "z\na\n")
    assert is_active(client, "hand") == "inactive"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("start none", 5),
        ("stop none", 5),
        ("status none", 4),
        ("is-active none", 4),
        ("is-enabled none", 4),
        ("is-active -q none", 4),
        ("frobnicate", 1),
        ("daemon-reload", 0),
        ("is-system-running", 0),
        ("list-units --all", 0),
    ],
)
def test_codes(client: Client, command: str, code: int) -> None:
    """Exit codes are systemctl's."""
    assert client.run(f"systemctl {command}").code == code


def test_show_tells_what_is_asked(client: Client) -> None:
    """Several properties, with and without names, by both spellings."""
    install(client, _SLEEP)
    client("sudo systemctl start app")
    asked = "-p ActiveState -p SubState,LoadState --property=UnitFileState"
    assert client(f"systemctl show {asked} --value app").split() == [
        "active", "running", "loaded", "static",
    ]  # fmt: skip
    began = int(client("systemctl show -p ActiveEnterTimestampMonotonic --value app"))
    assert began > 0
    assert client("/usr/bin/env systemctl show -p LoadState none") == "LoadState=not-found"


def test_the_journal_is_in_order_and_cut(client: Client) -> None:
    """The last lines, stdout and stderr together."""
    install(client, "Type=oneshot\nExecStart=/bin/sh -c 'echo a; echo b >&2; echo c'\n")
    client("sudo systemctl start app")
    assert client("journalctl -u app --no-pager").splitlines()[:3] == ["a", "b", "c"]
    assert len(client("journalctl -u app.service -n 1 --no-pager").splitlines()) == 1
