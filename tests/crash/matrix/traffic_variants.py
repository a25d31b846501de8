"""More commands: several routes, a bastion, a person's hand, a pause."""

from __future__ import annotations

from deployer.sandbox.control.options import BALANCER, ELASTIC, PRIVATE_BALANCER
from reconciler.exit_codes import Exit
from tests.crash.invariants import Before
from tests.crash.matrix.bucket_variants import BUCKET_VARIANTS
from tests.crash.matrix.command import (
    FOLLOW,
    NEW_LIVE,
    PAUSE,
    RESUME,
    SWEEP,
    UP,
    Command,
    done_well,
    expired,
    nothing,
)
from tests.crash.matrix.shapes import (
    BalancedStage,
    ElasticStage,
    RoutesStage,
)
from tests.crash.matrix.stage import Stage
from tests.crash.matrix.variants import (
    releasing,
    rolling_back,
)
from tests.crash.proxies import Fault

OF_OTHER_ROUTES = r"ModifyRule|(Listener|Target|AddTags).*#|^swap: commit"
"""What only a service with several routes asks for: what comes once more, and the rule."""

THROUGH_A_BASTION = r"machine .*(pg_dump|env file|migrate)|Register|ModifyListener|^swap: commit"
"""Where something is changed through the bastion, or by the balancer."""


def _led_back(stage: Stage) -> None:
    """A release is live and labelled; then a person leads the listener to the group before it."""
    assert isinstance(stage, BalancedStage)
    done_well(stage, UP)
    stage.lead_by_hand()


def _given_back(stage: Stage) -> None:
    """The same with an Elastic IP: the machine before has it again."""
    assert isinstance(stage, ElasticStage)
    (old,) = stage.serving()
    done_well(stage, UP)
    stage.lead_by_hand(old)


def _paused(stage: Stage) -> None:
    done_well(stage, PAUSE)


def _rests_no_more(stage: Stage, before: Before) -> None:
    """A pause changes nothing but the lease, and anybody may end it."""
    if "lease=" in stage.ledger():
        stage.ok(*RESUME)
    stage.assert_as_before(before)


TRAFFIC_VARIANTS = (
    releasing("up, behind several routes", RoutesStage.name, OF_OTHER_ROUTES),
    rolling_back("rollback, behind several routes", RoutesStage.name, OF_OTHER_ROUTES),
    Command(
        "sweep, switching several routes",
        SWEEP,
        "finished",
        expired("swap: commit", Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
        shape=RoutesStage.name,
        rows=OF_OTHER_ROUTES,
    ),
    releasing("up, through a bastion", PRIVATE_BALANCER, THROUGH_A_BASTION),
    Command(
        "traffic --follow, behind a load balancer",
        FOLLOW,
        "followed",
        _led_back,
        may_end=frozenset({NEW_LIVE}),
        codes=frozenset({Exit.DONE}),
        shape=BALANCER,
        cures=True,
    ),
    Command(
        "traffic --follow, with an Elastic IP",
        FOLLOW,
        "followed",
        _given_back,
        may_end=frozenset({NEW_LIVE}),
        codes=frozenset({Exit.DONE}),
        shape=ELASTIC,
        cures=True,
    ),
    *BUCKET_VARIANTS,
    Command("pause", PAUSE, "paused", nothing, settled=_rests_no_more),
    Command("resume", RESUME, "resumed", _paused, settled=_rests_no_more),
)
