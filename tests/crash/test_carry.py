"""A release that carries files dies or fails in a pass: live keeps its files and takes writes.

Live's own `tar` is slow, or broken, in the pass that is wanted: nothing of the product is replaced.
"""

from __future__ import annotations

import shlex
import signal

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, failed_step, wait_for
from tests.e2e.probes import live_instance, on_machine
from tests.support.company import ask

pytestmark = pytest.mark.timeout(300)

PHOTOS = "/var/lib/shop/photos"
PASSES = {"first": 1, "last": 2}
"""The passes, by the number of the archive that live packs: a photo comes after each."""

_TAR = """#!/bin/sh
case "$*" in *--create*--xattrs*) ;; *) exec {tar} "$@" ;; esac
echo pass >> /run/packed
if [ $(wc -l < /run/packed) = {number} ]; then touch /run/in-the-pass; {act}; fi
{tar} "$@"
status=$?
echo late > {photos}/late-$(wc -l < /run/packed).jpg
exit $status
"""


def put_tar(shop: Shop, number: int, act: str) -> None:
    """Live's tar does `act` before it packs for the `number`th time."""
    live = live_instance(shop)
    real = on_machine(shop, live, "command -v tar").strip()
    script = _TAR.format(tar=real, number=number, act=act, photos=PHOTOS)
    place = "/usr/local/sbin/tar"
    on_machine(
        shop,
        live,
        f"printf %s {shlex.quote(script)} | sudo -n tee {place} >/dev/null"
        f" && sudo -n chmod 755 {place} && sudo -n sh -c 'command -v tar' | grep -qx {place}",
    )


def photos(shop: Shop) -> dict[str, str]:
    """The photos on live but those that came late: name and digest."""
    text = on_machine(shop, live_instance(shop), f"cd {PHOTOS} && sha256sum -- [0-9]*")
    return {name: digest for digest, name in (line.split("  ") for line in text.splitlines())}


@pytest.fixture
def carrying(shop: Shop) -> Shop:
    """The shop with photos, which are carried."""
    for number in range(5):
        status, answer = ask(shop.pointed_at()[0], f"/photos/{number}.jpg", b"photo" * number)
        assert status == 201, answer
    shop.configure(r"^files   = .*$", f'files   = "carry"\ncarry   = ["{PHOTOS}"]')
    return shop


@pytest.mark.parametrize("name", PASSES)
def test_a_release_killed_in_a_pass_is_swept(carrying: Shop, name: str) -> None:
    """Live is opened, its files are as they were, and nothing else is left."""
    put_tar(carrying, PASSES[name], "sleep 300")
    before, had = carrying.before(), photos(carrying)
    live = live_instance(carrying)
    with carrying.releasing() as release:
        there = "test -e /run/in-the-pass && echo yes || echo no"
        wait_for(lambda: on_machine(carrying, live, there).strip() == "yes", 120)
        release.send(signal.SIGKILL)
        release.finish()
    carrying.let_lease_end()
    carrying.ok("reconciler", "sweep")
    carrying.assert_as_before(before)
    carrying.assert_clean()
    assert photos(carrying) == had


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_that_fails_is_undone(carrying: Shop, name: str) -> None:
    """The release says which folder could not be packed, and live takes writes at once."""
    put_tar(carrying, PASSES[name], "echo the disk is broken >&2; exit 2")
    before, had = carrying.before(), photos(carrying)
    done = carrying.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    assert done.code == Exit.FAILED, done
    assert failed_step(done) == "database"
    assert f"pack {PHOTOS}" in done.out
    assert "the disk is broken" in done.out
    carrying.assert_as_before(before)
    carrying.assert_clean()
    assert photos(carrying) == had
