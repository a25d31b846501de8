"""A machine's SSH server behaves as a real host's."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from tests.sandbox.machines.lab import Client, Key, Lab, descendants

pytestmark = pytest.mark.timeout(60)


def test_streams_and_exit_code_are_clean(client: Client) -> None:
    """stdout, stderr and the exit status arrive apart and unchanged."""
    done = client.run("echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_stdin_reaches_the_command_and_ends(client: Client) -> None:
    """A command reads its stdin to the end of file."""
    assert client.run("wc -c", b"x" * 300_000).out.strip() == "300000"


def test_an_unread_stdin_does_no_harm(client: Client) -> None:
    """A command that reads nothing may be sent something."""
    assert client.run("exit 3", b"x" * 100_000).code == 3


def test_a_signal_is_no_exit_code(client: Client) -> None:
    """A killed command reports its signal, which paramiko shows as -1."""
    assert client.run("kill -9 $$").code == -1


def test_a_background_process_that_holds_the_output_holds_the_session(client: Client) -> None:
    """As with sshd: `sleep 1 &` without redirection keeps the channel open."""
    begun = time.monotonic()
    assert client.run("echo quick; sleep 1 &").out == "quick\n"
    assert time.monotonic() - begun >= 0.9


def test_a_detached_process_outlives_the_session(client: Client) -> None:
    """setsid and redirection let go of the session at once, and the process stays."""
    begun = time.monotonic()
    client("setsid nohup sleep 1000 > /dev/null 2>&1 < /dev/null & ")
    assert time.monotonic() - begun < 10
    assert client("pgrep -x sleep")


def test_the_user_is_at_home(client: Client) -> None:
    """Name, home and directory are the login user's."""
    assert client("whoami; pwd; echo $HOME; id -u") == "ubuntu\n/home/ubuntu\n/home/ubuntu\n1000"


def test_another_key_is_refused(lab: Lab) -> None:
    """Nobody enters with a key that the machine does not know."""
    machine = lab.boot()
    with pytest.raises(paramiko.AuthenticationException):
        lab.connect(machine, Key.make())


def test_root_cannot_log_in(lab: Lab) -> None:
    """As on a cloud image the key opens the login user's account alone."""
    machine = lab.boot()
    with pytest.raises(paramiko.AuthenticationException):
        lab.connect(machine, user="root")


def test_a_key_added_on_the_disk_opens_the_door(lab: Lab) -> None:
    """authorized_keys is read at every login."""
    machine = lab.boot()
    other = Key.make()
    lab.connect(machine)(f"echo '{other.public}' >> ~/.ssh/authorized_keys")
    assert lab.connect(machine, other)("whoami") == "ubuntu"


def test_sftp_keeps_every_byte_and_the_mode(client: Client, tmp_path: Path) -> None:
    """A file goes there and back; relative paths begin at home."""
    content = b"0123456789abcdef" * 65536
    (tmp_path / "there").write_bytes(content)
    with client.ssh.open_sftp() as sftp:
        sftp.put(str(tmp_path / "there"), "file.partial")
        sftp.chmod("file.partial", 0o640)
        sftp.posix_rename("file.partial", "file")
        sftp.get("/home/ubuntu/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
    assert client("sha256sum < file").split()[0] == hashlib.sha256(content).hexdigest()
    assert client("stat -c %a file") == "640"


def test_output_without_end_waits_for_its_reader(client: Client) -> None:
    """100 MB that nobody reads do not pile up in the machine's memory."""
    _, out, _ = client.ssh.exec_command("head -c 100000000 /dev/zero")
    client("true")
    machines = [one for one, words in descendants() if "fork_server" in str(words)]
    fat = max(one.memory_info().rss for one in machines)
    assert fat < 100_000_000
    assert sum(len(chunk) for chunk in iter(lambda: out.read(1 << 20), b"")) == 100_000_000


def test_many_commands_side_by_side(client: Client) -> None:
    """Sessions on one connection do not mix."""
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: client(f"sleep 0.0{n % 9}; echo {n}"), range(48)))
    assert said == [str(n) for n in range(48)]


def test_a_port_is_forwarded_as_the_machine_sees_it(lab: Lab) -> None:
    """direct-tcpip reaches what listens on the machine."""
    machine = lab.boot()
    client, address = lab.connect(machine), lab.address(machine)
    client(f"""cat > answer.py <<'X'
import socket
door = socket.create_server(("{address}", 8099))
open("ready", "w").close()
guest, _ = door.accept()
guest.sendall(b"hello")
X
setsid python3 answer.py > /dev/null 2>&1 < /dev/null &
while [ ! -e ready ]; do sleep 0.01; done""")
    transport = client.ssh.get_transport()
    assert transport is not None
    channel = transport.open_channel("direct-tcpip", (address, 8099), ("127.0.0.1", 0))
    assert channel.recv(5) == b"hello"


def test_a_terminal_is_a_terminal(client: Client) -> None:
    """With a pty a command sees one, of the size asked for."""
    _, out, _ = client.ssh.exec_command("tty; stty size", get_pty=True)
    assert "/dev/pts/" in (text := out.read().decode())
    assert "24 80" in text
