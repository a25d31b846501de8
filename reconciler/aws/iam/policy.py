"""Least privilege: the IAM policies with exactly the permissions that this product needs.

The only list of permitted AWS calls. `config/iam` is generated from it, `reconciler policy` prints
it for a configuration, and tests compare it with the calls of whole runs. Conditions add what a
list of actions cannot express: resources are created with our tags, only resources with our tags
and without a hold are deleted, and records are swapped, never overwritten (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from reconciler.aws.iam import (
    elastic_ips,
    journals,
    ledgers_in_s3,
    load_balancers,
    ssh_routes,
    whole_regions,
)
from reconciler.aws.iam.actions import DELETE, DESCRIBE, LIFT, SHUTDOWN
from reconciler.aws.iam.statements import Document, Scope, allow, born, is_ours, only_tags
from reconciler.model import tags as t

_MADE = ("instance", "volume", "network-interface", "image", "snapshot")
_OF_HOOKS = ("elastic-ip", "key-pair", "launch-template", "security-group")
"""Kinds that the deployer does not create, but a configuration's hooks may."""

_NO_ACCOUNT = frozenset({"image", "snapshot"})
"""Kinds whose ARNs contain no account."""

_OURS = (t.HOST_KEY, t.ID, t.LEDGER, t.PART, t.SHARES, t.STATE, t.UNITS)
_WRITTEN = (t.NAME, t.BY, t.HOLD, t.HOST_KEY, t.ID, t.LEDGER, t.PART, t.RELEASE, t.STATE, t.UNITS)


def deployer(scope: Scope) -> Document:
    """For the users of `deployer`."""
    return _document(
        _see("ec2:DescribeSubnets"),
        *_launch(scope),
        *_image(scope),
        _tag_at_birth(scope),
        # A new machine makes a host key of its own, and may share live's database; a pause has a
        # reason.
        *_label_and_delete(scope, t.HOST_KEY, t.PAUSED, t.SHARES),
        _own_machines(scope),
        _pass_role(scope),
        *_records(scope),
        *ledgers_in_s3.swap(scope),
        *_parameters(scope),
        *ssh_routes.connect(scope),
        *load_balancers.join(scope),
        *load_balancers.follow(scope),
        *elastic_ips.follow(scope),
        *journals.write(scope),
    )


def reconciler(scope: Scope) -> Document:
    """For the scheduled sweep: it launches nothing."""
    return _document(
        _see("ec2:DescribeRegions"),
        *_label_and_delete(scope),
        *_records(scope),
        *ledgers_in_s3.swap(scope),
        *_parameters(scope),
        *_roles(scope),
        *_people(scope),
        *ssh_routes.connect(scope),
        *load_balancers.follow(scope),
        *elastic_ips.follow(scope),
        *journals.write(scope),
    )


def adopt(scope: Scope) -> Document:
    """In addition to the deployer's: tags a machine that has none of our tags, and lets it go."""
    condition = only_tags(_WRITTEN) | born(scope)
    condition["Null"][f"aws:ResourceTag/{t.ID}"] = "true"
    condition["StringEquals"] = {f"aws:RequestTag/{t.HOLD}": t.HELD_BY_ADOPTION}
    release = only_tags(t.OWN) | is_ours(scope)
    release["StringEquals"] = {f"aws:ResourceTag/{t.HOLD}": t.HELD_BY_ADOPTION}
    machines = _arns(scope, "instance")
    return _document(
        allow("TagAMachineThatNoDeployMade", "ec2:CreateTags", machines, condition),
        allow("LetGoOfAMachineThatNoDeployMade", "ec2:DeleteTags", machines, release),
        *ssh_routes.connect_to_strangers(scope),
        *load_balancers.adopt(scope),
    )


def leave(scope: Scope) -> Document:
    """In addition to the deployer's: takes our tags off what is live (`deployer leave`)."""
    ours = only_tags(t.OWN) | is_ours(scope)
    resources = _arns(scope, *_MADE, *_OF_HOOKS)
    return _document(
        allow("TakeOurTagsOff", "ec2:DeleteTags", resources, ours), *load_balancers.leave(scope)
    )


def viewer(scope: Scope) -> Document:
    """For people who look: `status`, `history`, `reconciler plan`, `report`, `explain`."""
    see = (*load_balancers.see(scope), *journals.read(scope), *ledgers_in_s3.see(scope))
    return _document(_see(), *_read_records(scope), *see)


def hold(scope: Scope) -> Document:
    """For users of `reconciler hold` and `release`: only `deploy-hold`, on our resources."""
    condition = only_tags((t.HOLD,)) | is_ours(scope)
    actions = ("ec2:CreateTags", "ec2:DeleteTags")
    return _document(
        allow("KeepAndLetGo", actions, _arns(scope, *_MADE), condition),
        *load_balancers.hold(scope),
    )


def guard(scope: Scope) -> Document:
    """A deny for all other principals: for writing ownership tags, and for reading user data."""
    roles = [f"arn:aws:iam::{scope.account}:role/{one}" for one in ("deployer", "reconciler")]
    others = {"ArnNotLike": {"aws:PrincipalArn": roles}}
    tags = {"ForAnyValue:StringEquals": {"aws:TagKeys": list(_OURS)}, **others}
    writes, every = ("ec2:CreateTags", "ec2:DeleteTags"), "ec2:DescribeInstanceAttribute"
    return _document(
        {**allow("NobodyElseWritesOurTags", writes, "*", tags), "Effect": "Deny"},
        # A Describe action: neither tags nor a single attribute can be named.
        {**allow("NobodyElseReadsUserData", every, "*", others), "Effect": "Deny"},
    )


def prices(_: Scope) -> Document:
    """For refreshing the prices: they are public and have no resource-level permissions."""
    return _document(allow("AskForPrices", "pricing:GetProducts", "*"))


def doctor(scope: Scope) -> Document:
    """In addition to the deployer's: what `deployer doctor` asks, if it may, before a release."""
    role = f"arn:aws:iam::{scope.account}:role/deployer"
    keys = [f"arn:aws:kms:{region}:{scope.account}:key/*" for region in scope.regions]
    quotas = ["servicequotas:GetServiceQuota", "ec2:DescribeInstanceTypes"]
    quotas += ["elasticloadbalancing:DescribeAccountLimits"] if scope.listeners else []
    return _document(
        allow("AskWhatIsAllowed", "iam:SimulatePrincipalPolicy", role),
        allow("ReadQuotas", quotas, "*"),
        allow("SeeWhetherADisksKeyCanBeUsed", ["kms:DescribeKey", "kms:GetKeyPolicy"], keys),
    )


POLICIES: Mapping[str, Callable[[Scope], Document]] = {
    "deployer": deployer,
    "reconciler": reconciler,
    "adopt": adopt,
    "leave": leave,
    "viewer": viewer,
    "hold": hold,
    "guard": guard,
    "prices": prices,
    "strays": lambda _: _document(*whole_regions.look()),
    "doctor": doctor,
}
"""Every policy, by the name of its file in config/iam."""


def actions(document: Document) -> frozenset[str]:
    """The actions that a policy allows."""
    allowed = (one for one in document["Statement"] if one["Effect"] == "Allow")
    return frozenset(
        action
        for one in allowed
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    )


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _arns(scope: Scope, *kinds: str) -> list[str]:
    """The ARNs of all resources of these EC2 kinds, in the scope's regions."""
    return [
        f"arn:aws:ec2:{region}:{'' if kind in _NO_ACCOUNT else scope.account}:{kind}/*"
        for region in scope.regions
        for kind in kinds
    ]


def _rds(scope: Scope) -> list[str]:
    """The ARNs of all RDS resources."""
    places = [f"arn:aws:rds:{region}:{scope.account}" for region in scope.regions]
    return [f"{place}:{kind}:*" for place in places for kind in ("db", "snapshot")]


def _see(*more: str) -> Document:
    """`Describe*` has no resource-level permissions."""
    return allow("SeeEverything", (*DESCRIBE, *more), "*")


def _launch(scope: Scope) -> list[Document]:
    parts = _arns(scope, "instance", "volume", "network-interface")
    into = _arns(scope, "image", "snapshot", "subnet", "security-group", "key-pair")
    return [
        allow("LaunchOnlyWhatIsBornWithItsTags", "ec2:RunInstances", parts, born(scope)),
        allow("LaunchFromAndInto", "ec2:RunInstances", into),
    ]


def _image(scope: Scope) -> list[Document]:
    made, machines = _arns(scope, "image", "snapshot"), _arns(scope, "instance")
    return [
        allow("ImageOnlyBornWithItsTags", "ec2:CreateImage", made, born(scope)),
        allow("ImageOfTheServicesMachines", "ec2:CreateImage", machines, is_ours(scope)),
    ]


def _tag_at_birth(scope: Scope) -> Document:
    """In addition to the conditions above: CreateTags is not evaluated when no tag is sent."""
    condition = {"StringEquals": {"ec2:CreateAction": ["RunInstances", "CreateImage"]}}
    return allow("TagAtBirth", "ec2:CreateTags", _arns(scope, *_MADE), condition)


def _label_and_delete(scope: Scope, *more: str) -> list[Document]:
    label = {**is_ours(scope), **only_tags((t.STATE, t.UNITS, *more))}
    free = {**is_ours(scope), "Null": {f"aws:ResourceTag/{t.HOLD}": "true"}}
    resources = [*_arns(scope, *_MADE, *_OF_HOOKS), *_rds(scope)]
    writes = ("ec2:CreateTags", "rds:AddTagsToResource")
    return [
        allow("ChangeTheLabelAndNoOtherTag", writes, resources, label),
        allow("DeleteOnlyWhatIsOursAndNotHeld", DELETE, resources, free),
        allow("SeeWhetherAHaltStopsThem", SHUTDOWN, _arns(scope, "instance"), free),
        *([allow("TakeProtectionOff", LIFT, resources, free)] if scope.lifts else []),
    ]


def _own_machines(scope: Scope) -> Document:
    """Nobody may stop them by the API: a parked machine halts itself, and a rollback starts it."""
    asked = ("ec2:GetConsoleOutput", "ec2:StartInstances")
    return allow("StartThemAndReadTheConsole", asked, _arns(scope, "instance"), is_ours(scope))


def _pass_role(scope: Scope) -> Document:
    roles = [f"arn:aws:iam::{scope.account}:role/{profile}" for profile in scope.profiles]
    only = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return allow("HandOnTheMachinesRole", "iam:PassRole", roles, only)


def _records(scope: Scope) -> list[Document]:
    if not scope.zones:
        return _read_records(scope)
    zones = _zones(scope.zones)
    key = "route53:ChangeResourceRecordSets"
    allowed = {
        f"{key}NormalizedRecordNames": list(scope.names),
        f"{key}RecordTypes": ["A", "TXT"],
        f"{key}Actions": ["CREATE", "DELETE"],
    }
    condition = {
        "ForAllValues:StringEquals": allowed,
        "Null": dict.fromkeys(allowed, "false"),
    }
    return [
        *_read_records(scope),
        allow("SwapTheLedgerAndTheRecordNeverUpsert", key, zones, condition),
    ]


def _read_records(scope: Scope) -> list[Document]:
    read = _zones(sorted({*scope.zones, *scope.watched}))
    if not read:  # every ledger is in S3, and no zone is watched
        return []
    return [
        allow("FindTheZone", "route53:ListHostedZones", "*"),
        allow("ReadTheLedgerAndTheRecord", "route53:ListResourceRecordSets", read),
    ]


def _zones(ids: Iterable[str]) -> list[str]:
    return [f"arn:aws:route53:::hostedzone/{id_}" for id_ in ids]


def _parameters(scope: Scope) -> list[Document]:
    found = [
        f"arn:aws:ssm:{region}:{scope.account}:parameter{path}"
        for region in scope.regions
        for path in scope.parameters
    ]
    return [allow("ResolveReferences", "ssm:GetParameter", found)] if found else []


def _roles(scope: Scope) -> list[Document]:
    if not scope.assumes:
        return []
    return [allow("ActInOtherAccounts", "sts:AssumeRole", list(scope.assumes))]


def _people(scope: Scope) -> list[Document]:
    """Send notifications, and tag a resource with the time of its notification."""
    resources, key = _arns(scope, *_MADE), {**is_ours(scope), **only_tags((t.NOTICED,))}
    told = [allow("SayWhenPeopleWereTold", "ec2:CreateTags", resources, key)]
    topics = [allow("TellPeople", "sns:Publish", list(scope.topics))] if scope.topics else []
    return [*told, *load_balancers.noticed(scope), *topics] if scope.notices else []
