"""User data is read as cloud-init reads it, and carried out in its order."""

from __future__ import annotations

import base64
import gzip

import pytest

from deployer.sandbox.machines.boot import cloud_init
from deployer.sandbox.machines.boot.cloud_init import File, UserData
from tests.sandbox.machines.lab import Key, Lab, wait_for

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("data", [b"", b"  \n", b"#cloud-config\n"])
def test_nothing_told_is_no_complaint(data: bytes) -> None:
    """Empty user data is the usual case."""
    assert cloud_init.parse(data) == UserData()


@pytest.mark.parametrize(
    "data", [b"hello", b"#cloud-config\n- a\n", b"#cloud-config\nbootcmd: x\n", b"#cloud-config\n{"]
)
def test_nonsense_is_a_complaint_and_no_error(data: bytes) -> None:
    """A machine boots with broken user data too, and its console says so."""
    assert len(cloud_init.parse(data).complaints) == 1


def test_commands_become_one_script() -> None:
    """Text stands as it is, lists are quoted word by word."""
    told = cloud_init.parse(b"#cloud-config\nbootcmd:\n- echo $A > b\n- [echo, 'a b', $A]\n")
    assert told.bootcmd == "#!/bin/sh\necho $A > b\necho 'a b' '$A'\n"


def test_files_are_decoded() -> None:
    """Contents in base64, zipped or plain; permissions in octal text."""
    zipped = base64.b64encode(gzip.compress(b"zip")).decode()
    told = cloud_init.parse(
        f"""#cloud-config
write_files:
- {{path: /a, content: text, permissions: '0600', owner: 'root:root'}}
- {{path: /b, content: {base64.b64encode(bytes(3)).decode()}, encoding: b64}}
- {{path: /c, content: {zipped}, encoding: gz+b64, append: true}}
""".encode()
    )
    assert told.files == (
        File("/a", b"text", 0o600),
        File("/b", bytes(3)),
        File("/c", b"zip", append=True),
    )


def test_zipped_user_data_is_unpacked() -> None:
    """As the EC2 datasource does."""
    assert cloud_init.parse(gzip.compress(b"#!/bin/sh\n")).script == b"#!/bin/sh\n"


def test_an_unknown_key_is_reported() -> None:
    """A misspelt key does nothing; the console shows why."""
    assert cloud_init.parse(b"#cloud-config\nboot_cmd: []\n").complaints == (
        "unknown key boot_cmd",
    )


def test_a_given_host_key_is_the_machines(lab: Lab) -> None:
    """ssh_keys is what the machine answers with and what its console shows."""
    key = Key.make()
    private = "".join(f"    {line}\n" for line in key.private.splitlines())
    machine = lab.boot(
        f"#cloud-config\nssh_keys:\n  ed25519_private: |\n{private}  ed25519_public: {key.public}\n"
    )
    assert lab.host_key(machine).get_base64() == key.public.split()[1]
    assert lab.connect(machine)("cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub") in key.public


def test_bootcmd_comes_before_units_and_knows_who_it_is(lab: Lab) -> None:
    """Every boot; identity is on the disk before it; a unit masked there never starts."""
    machine = lab.boot()
    lab.connect(machine)(
        """sudo tee /usr/local/lib/systemd/system/job.service > /dev/null <<'X'
[Service]
ExecStart=/bin/sh -c 'touch /srv/job-ran; exec sleep 1000'
[Install]
WantedBy=multi-user.target
X
sudo systemctl enable --now job; while [ ! -e /srv/job-ran ]; do sleep 0.01; done
sudo rm /srv/job-ran"""
    )
    image = lab.image_of(machine)
    clone = lab.boot(
        "#cloud-config\nbootcmd:\n"
        "- echo $INSTANCE_ID $(cat /var/lib/cloud/data/instance-id) > /srv/who\n"
        "- grep -q $INSTANCE_ID /run/cloud-init/instance-data.json && echo known >> /srv/who\n"
        "- systemctl mask job\n",
        image,
    )
    client = lab.connect(clone)
    wait_for(lambda: b"finished" in lab.machines.console(clone))
    assert client("cat /srv/who") == f"{clone} {clone}\nknown"
    assert client.run("ls /srv/job-ran").code != 0
    assert client.run("systemctl is-active job").out == "inactive\n"
    free = lab.boot(image=image)
    wait_for(lambda: b"finished" in lab.machines.console(free))
    assert lab.connect(free)("systemctl is-active job") == "active"


def test_first_boot_is_once_per_instance(lab: Lab) -> None:
    """write_files and runcmd once; a clone is another instance, and does its own."""
    data = (
        "#cloud-config\nwrite_files: [{path: /etc/a, content: one, permissions: '0640'}]\n"
        "runcmd: ['echo ran >> /srv/runs']\n"
    )
    machine = lab.boot(data)
    wait_for(lambda: b"finished" in lab.machines.console(machine))
    assert lab.connect(machine)("cat /etc/a /srv/runs; stat -c %a /etc/a") == "oneran\n640"
    clone = lab.boot(data, lab.image_of(machine))
    wait_for(lambda: b"finished" in lab.machines.console(clone))
    assert lab.connect(clone)("cat /srv/runs") == "ran\nran"


def test_a_script_runs_once(lab: Lab) -> None:
    """User data that begins with #! is a program, its output on the console."""
    machine = lab.boot("#!/bin/sh\necho I am $(whoami)\n")
    wait_for(lambda: b"finished" in lab.machines.console(machine))
    assert b"I am root" in lab.machines.console(machine)


def test_a_failing_bootcmd_does_not_keep_the_machine_down(lab: Lab) -> None:
    """cloud-init goes on; the console says what failed."""
    machine = lab.boot("#cloud-config\nbootcmd: ['exit 3']\n")
    assert b"bootcmd failed with 3" in lab.machines.console(machine)


def test_the_images_authorized_keys_stay(lab: Lab) -> None:
    """The key pair is added to what the disk already trusts, once."""
    machine = lab.boot()
    lab.connect(machine)("echo '# by hand' >> ~/.ssh/authorized_keys")
    clone = lab.boot(image=lab.image_of(machine))
    keys = lab.connect(clone)("cat ~/.ssh/authorized_keys").splitlines()
    assert keys == [lab.key.public, "# by hand"]


def test_the_name_is_the_clouds_or_the_one_told(lab: Lab) -> None:
    """EC2's private name by default; `hostname` overrides it."""
    plain = lab.boot()
    expected = "ip-" + lab.address(plain).replace(".", "-")
    assert lab.connect(plain)("hostname") == expected
    named = lab.boot("#cloud-config\nhostname: shop-1\n")
    assert lab.connect(named)("hostname; hostname -I") == f"shop-1\n{lab.address(named)}"
