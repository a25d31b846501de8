"""files = "carry": what clients upload is on the new machines, up to the freeze's refusal."""

from __future__ import annotations

import hashlib
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import has, instance_at, live_instance, on_machine
from tests.support.company import Company, ask

PHOTOS = "/var/lib/shop/photos"


@dataclass
class Uploader:
    """A client that uploads photos all the time, and remembers what was acknowledged."""

    company: Company
    kept: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def uploading(self) -> Iterator[Uploader]:
        """Uploads go on while the body runs; to the machine that the record names at the time."""
        stop = threading.Event()
        thread = threading.Thread(target=self._loop, args=(stop,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _loop(self, stop: threading.Event) -> None:
        number = 0
        while not stop.wait(0.02):
            number += 1
            name, body = f"{number}.jpg", f"photo {number} ".encode() * (number % 7 * 997 + 1)
            status, answer = ask(self.company.pointed_at()[0], f"/photos/{name}", body)
            if status == 201:
                self.kept[name] = hashlib.sha256(body).hexdigest()
            elif status == 503:
                self.refused += 1
            else:
                self.errors.append(f"{status} {answer}")


def digests(company: Company) -> dict[str, str]:
    """What the live machine has, by name."""
    text = on_machine(company, live_instance(company), f"cd {PHOTOS} && sha256sum -- *")
    return {name: digest for digest, name in (line.split("  ") for line in text.splitlines())}


@pytest.fixture
def carrying(adopted: Company) -> Company:
    """The shop, whose photos are carried."""
    adopted.configure(r"^files   = .*$", f'files   = "carry"\ncarry   = ["{PHOTOS}"]')
    on_machine(adopted, live_instance(adopted), f"sudo -n mkdir -p {PHOTOS}")
    return adopted


def test_no_acknowledged_upload_is_lost(carrying: Company) -> None:
    """Everything that live acknowledged before the freeze is there, and what new has taken."""
    uploader = Uploader(carrying)
    with uploader.uploading():
        done = carrying.up("v1.5.0")
    assert uploader.errors == []
    assert len(uploader.kept) > 20
    assert uploader.refused > 0
    assert carrying.version() == "v1.5.0"
    there = digests(carrying)
    lost = {name for name, digest in uploader.kept.items() if there.get(name) != digest}
    assert not lost
    has(done.err, "files, first pass", "files, last pass")


def upload(company: Company, name: str, body: bytes = b"a photo") -> None:
    """A photo that the live machine has acknowledged."""
    status, answer = ask(company.pointed_at()[0], f"/photos/{name}", body)
    assert status == 201, answer


def test_a_rollback_says_which_files_it_leaves(carrying: Company) -> None:
    """It refuses, as with rows; with the word for it, they stay behind, and its line says so."""
    upload(carrying, "before.jpg")
    carrying.up("v1.5.0")
    upload(carrying, "after.jpg")
    refused = carrying.deployer("rollback", "shop")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "row change", "--discard-writes")
    done = carrying.ok("deployer", "rollback", "shop", "--discard-writes", "--json")
    (back,) = (one for one in done.events if one["type"] == "rolled-back")
    has(back["lost"], "row change", "1 file written or deleted")
    assert set(digests(carrying)) == {"before.jpg"}


def test_several_new_machines_and_every_kind_of_file(carrying: Company) -> None:
    """Each of them has all of it: links, modes, owners, holes; a folder that went is gone."""
    live = live_instance(carrying)
    upload(carrying, "before.jpg")
    on_machine(
        carrying,
        live,
        f"cd {PHOTOS} && sudo -n sh -c 'ln -s before.jpg link && mkdir -m 2750 deep &&"
        " echo x > deep/-x && chmod 640 deep/-x && truncate -s 4M holes'",
    )
    carrying.append("[instance]\ncount = 2")
    facts = f"cd {PHOTOS} && sudo -n find . -printf '%p %y %m %U:%G %l\\n' | sort"
    wanted = on_machine(carrying, live, facts)
    carrying.up("v1.5.0")
    machines = [instance_at(carrying, address) for address in carrying.pointed_at()]
    assert len(machines) == 2
    assert [on_machine(carrying, one, facts) for one in machines] == [wanted, wanted]
    assert on_machine(carrying, machines[0], f"stat -c %s {PHOTOS}/holes").strip() == "4194304"


def test_doctor_plan_and_up_refuse_what_cannot_be_carried(carrying: Company) -> None:
    """Before anything is made, with the reason; doctor's line stands beside its other checks."""
    assert "files" in carrying.ok("deployer", "doctor", "shop").out
    carrying.configure(r"^carry   = .*$", 'carry   = ["/var/lib/shop/films"]')
    before = carrying.resources()
    for command in (("doctor", "shop"), ("up", "shop", "--ref", "v1.5.0")):
        refused = carrying.deployer(*command)
        assert refused.code == Exit.REFUSED, refused
        has(refused.out + refused.err, "/var/lib/shop/films is no folder there")
    assert carrying.resources() == before


def test_a_volume_that_a_clone_does_not_mount_is_refused(carrying: Company) -> None:
    """Its files would fill the clone's root disk; said before the freeze, and undone.

    The sandbox's machines have one disk: `df` tells of another one on live alone.
    """
    live = live_instance(carrying)
    on_live = f"/dev/sdf 9000000 1 8000000 1% {PHOTOS}"
    script = (
        "#!/bin/sh\n"
        f"case $(cat /var/lib/cloud/data/instance-id) in {live['InstanceId']})\n"
        f"  echo Filesystem 1K Used Free Use% On; echo {on_live}; exit ;; esac\n"
        'exec /usr/bin/df "$@"\n'
    )
    place = "/usr/local/sbin/df"
    put = f"printf %s {shlex.quote(script)} | sudo -n tee {place} >/dev/null"
    on_machine(carrying, live, f"{put} && sudo -n chmod 755 {place}")
    upload(carrying, "before.jpg")
    before = carrying.resources()
    done = carrying.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    assert done.code == Exit.REFUSED, done
    has(
        done.out,
        f"{PHOTOS} is on the volume mounted at {PHOTOS} on live",
        "on the one mounted at / on",
    )
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    assert carrying.resources() == before
    assert set(digests(carrying)) == {"before.jpg"}
