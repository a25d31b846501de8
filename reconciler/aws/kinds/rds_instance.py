"""RDS instances. The instance of a dead deploy is an unused copy: nothing of it is preserved.

So no final snapshot is made (it would be the next orphan) and its automated backups are deleted. A
person has set the deletion protection: it is reported, and removed only if configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import rds_api
from reconciler.aws.kinds.kind import Kind
from reconciler.errors import AccessDenied, CloudError
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import RDS_INSTANCE, Resource
from reconciler.model.tags import AccountRegion

PROTECTED = "deletion protection is on, which is not lifted"


def listing(reads: Reads) -> Iterator[Resource]:
    """Every instance of the region."""
    for one in _raw(reads):
        yield _resource(one, reads.place)


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The instances of these ids that exist."""
    wanted = set(ids)
    yield from (one for one in (listing(reads) if wanted else ()) if one.id in wanted)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete the instances that are not protected now."""
    try:
        found = {rds_api.end_of(one["DBInstanceArn"]): one for one in _raw(Reads(deleter.aws))}
    except (CloudError, AccessDenied) as error:
        yield from (
            Outcome(resource, OutcomeStatus.FAILED, error.message) for resource in resources
        )
        return
    free = []
    for resource in resources:
        protected = resource.id in found and found[resource.id].get("DeletionProtection")
        why = _lifted(deleter, resource) if protected else ""
        if why:
            yield Outcome(resource, OutcomeStatus.BLOCKED, why)
        else:
            free.append(resource)
    yield from rds_api.delete(deleter, free, "delete_db_instance", _request)


def _lifted(deleter: Deleter, resource: Resource) -> str:
    """Remove the protection if configured; return why it is still on, else ''."""
    if not deleter.lifts:
        return PROTECTED
    return deleter.on("rds").lift(
        "modify_db_instance",
        DBInstanceIdentifier=rds_api.name_of(resource.id),
        DeletionProtection=False,
        ApplyImmediately=True,
    )


def _request(name: str) -> dict[str, Any]:
    whole = {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": True}
    return {"DBInstanceIdentifier": name, **whole}


def _raw(reads: Reads) -> Iterator[rds_api.Raw]:
    return rds_api.listed(reads, "describe_db_instances", "DBInstances")


def _resource(one: rds_api.Raw, place: AccountRegion) -> Resource:
    replicas = one.get("ReadReplicaDBInstanceIdentifiers") or ()
    groups = (each.get("VpcSecurityGroupId") for each in one.get("VpcSecurityGroups") or ())
    return Resource(
        RDS_INSTANCE,
        rds_api.end_of(one["DBInstanceArn"]),
        place,
        rds_api.tags_of(one),
        state=one.get("DBInstanceStatus", ""),
        name=one["DBInstanceIdentifier"],
        zone=one.get("AvailabilityZone", ""),
        type=_type(one),
        created=one.get("InstanceCreateTime"),
        uses=tuple(each for each in groups if each),
        used_by=tuple(f"db:{each}" for each in replicas),
        size_gb=one.get("AllocatedStorage", 0),
        public_ips=int(bool(one.get("PubliclyAccessible"))),
    )


def _type(one: rds_api.Raw) -> str:
    """The class, plus what makes its price differ from a plain PostgreSQL instance."""
    more = [one.get("Engine", "")] if one.get("Engine") != "postgres" else []
    more += ["multi-az"] if one.get("MultiAZ") else []
    return " ".join([one.get("DBInstanceClass", ""), *more])


KIND = Kind(RDS_INSTANCE, describe, delete, listing=listing, label=rds_api.label)
