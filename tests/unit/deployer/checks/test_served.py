"""Target groups that serve: whose they may become by an adoption."""

from __future__ import annotations

import pytest

from deployer.checks.served import refuse_another_group
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.traffic.reading import Share
from tests.support.shop_world import LIVE, OLD


def test_rule_15_a_group_with_another_deploys_id_is_not_adopted() -> None:
    """Its tags say that a release made it, or that they were copied: a person decides."""
    refuse_another_group(Share("targetgroup/hand/1", 1), LIVE)
    refuse_another_group(Share("targetgroup/hand/1", 1, {t.ID: str(LIVE)}), LIVE)
    with pytest.raises(Refused, match=f"carries the deploy-id {OLD}"):
        refuse_another_group(Share("targetgroup/hand/1", 1, {t.ID: str(OLD)}), LIVE)
