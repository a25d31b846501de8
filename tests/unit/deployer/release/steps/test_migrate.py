"""Migrations: what they are given, and what nobody else sees of it."""

from __future__ import annotations

from pathlib import Path

from deployer.release.context import NewMachine
from deployer.release.steps.migrate import migrate
from tests.fakes.scene import CONFIGURED, Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD

ENV = """\
# written by hand
DATABASE_URL=postgresql://shop_app:s3cret@db:5432/new?a=b
GREETING="two words"
SIGNS='$HOME `id` \\ *'
NOT A PAIR
LAST=no newline"""
SEEN = """\
postgresql://shop_app:s3cret@db:5432/new?a=b
two words
$HOME `id` \\ *
no newline
"""


def test_a_migration_has_the_variables_of_the_env_file(tmp_path: Path) -> None:
    """As systemd reads them, nothing expanded; in code.path; and no value is in a command."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    line = 'printf "%s\\n" "$DATABASE_URL" "$GREETING" "$SIGNS" "$LAST" > seen'
    run = leased(scene, database={**CONFIGURED["database"], "migrate": [line]})
    machine = scene.reach.machine("i-101")
    machine.write("/etc/shop/env", ENV)
    machine.path("/srv/shop").mkdir()
    run.created.machines = (NewMachine("i-101", "10.0.2.101", machine),)
    migrate(run)
    assert machine.path("/srv/shop/seen").read_text() == SEEN
    [ran] = [each for each in machine.commands if each.label.startswith("migration")]
    assert ran.sudo
    assert "s3cret" not in ran.script + ran.label
