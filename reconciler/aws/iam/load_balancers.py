"""The permissions that only services behind load balancers need."""

from __future__ import annotations

from reconciler.aws.iam.statements import Document, Scope, allow, born, is_ours, only_tags
from reconciler.model import tags as t

_SEE = (
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)
_FILL = (
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:RegisterTargets",
)
_SWITCH = ("elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule")
_TAG, _UNTAG = "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"


def join(scope: Scope) -> list[Document]:
    """Create target groups, born with our tags, and fill those."""
    if not scope.listeners:
        return []
    create, groups = "elasticloadbalancing:CreateTargetGroup", _groups(scope)
    at_birth = {"StringEquals": {"elasticloadbalancing:CreateAction": "CreateTargetGroup"}}
    return [
        allow("CreateTargetGroupsBornWithTheirTags", create, groups, born(scope)),
        allow("TagTargetGroupsAtBirth", _TAG, groups, at_birth),
        allow("FillOurTargetGroups", _FILL, groups, is_ours(scope)),
    ]


def follow(scope: Scope) -> list[Document]:
    """See load balancers, let traffic follow the ledger, label and delete target groups."""
    if not scope.listeners:
        return []
    groups, delete = _groups(scope), "elasticloadbalancing:DeleteTargetGroup"
    label = {**is_ours(scope), **only_tags((t.STATE, t.DRAINED))}
    free = {**is_ours(scope), "Null": {f"aws:ResourceTag/{t.HOLD}": "true"}}
    return [
        *see(scope),
        allow("LetTrafficFollowTheLedger", _SWITCH, list(scope.listeners)),
        allow("LabelTargetGroups", _TAG, groups, label),
        allow("DeleteTargetGroupsThatAreOursAndNotHeld", delete, groups, free),
    ]


def see(scope: Scope) -> list[Document]:
    """See load balancers: none of these actions has resource-level permissions."""
    return [allow("SeeLoadBalancers", _SEE, "*")] if scope.listeners else []


def leave(scope: Scope) -> list[Document]:
    """Take our tags off the target group that serves."""
    if not scope.listeners:
        return []
    return [allow("TakeOurTagsOffTargetGroups", _UNTAG, _groups(scope), is_ours(scope))]


def adopt(scope: Scope) -> list[Document]:
    """Tag the target group that serves: no deploy created it."""
    if not scope.listeners:
        return []
    condition = born(scope)
    condition["StringEquals"] = {f"aws:RequestTag/{t.HOLD}": t.HELD_BY_ADOPTION}
    condition["Null"] = {f"aws:ResourceTag/{t.ID}": "true"}
    return [allow("TagATargetGroupThatNoDeployMade", _TAG, _groups(scope), condition)]


def hold(scope: Scope) -> list[Document]:
    """Keep a target group of ours from every sweep, and let it go again."""
    if not scope.listeners:
        return []
    condition = {**is_ours(scope), **only_tags((t.HOLD,))}
    return [allow("KeepAndLetGoTargetGroups", (_TAG, _UNTAG), _groups(scope), condition)]


def noticed(scope: Scope) -> list[Document]:
    """Tag a target group with the time of its notification."""
    if not scope.listeners:
        return []
    condition = {**is_ours(scope), **only_tags((t.NOTICED,))}
    return [allow("SayWhenPeopleWereToldOfTargetGroups", _TAG, _groups(scope), condition)]


def _groups(scope: Scope) -> list[str]:
    return [
        f"arn:aws:elasticloadbalancing:{region}:{scope.account}:targetgroup/*"
        for region in scope.regions
    ]
