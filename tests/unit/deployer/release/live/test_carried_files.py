"""What a release asks of live before it carries its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.checks.service_state import survey
from deployer.release.live.carried_files import refuse_files
from reconciler.errors import Refused
from reconciler.model.resource import INSTANCE
from tests.fakes.scene import CONFIGURED, Scene
from tests.support.shop_world import ALL, LIVE

CARRY = {
    "files": "carry",
    "carry": ["/srv/shop/photos"],
    "database": {**CONFIGURED["database"], "copy": "always"},
}


def test_files_of_a_stopped_machine_of_live_are_not_left_out(tmp_path: Path) -> None:
    """The image is of one machine; what the other has, which cannot be read, would be lost."""
    scene = Scene(tmp_path, ALL)
    ports = scene.ports(**CARRY)
    state = survey(ports)
    live = next(
        one
        for one in state.service_plan.verdicts
        if one.resource.kind == INSTANCE and one.deploy == LIVE
    )
    other = replace(live, resource=replace(live.resource, id="i-18", state="stopped"))
    plan = replace(state.service_plan, verdicts=(other, *state.service_plan.verdicts))
    with pytest.raises(Refused, match=r"the files of i-18.* cannot be read: it is stopped"):
        refuse_files(ports, plan)
