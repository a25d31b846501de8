"""RDS instances. The instance of a dead deploy is an unused copy: nothing of it is preserved.

So no final snapshot is made (it would be the next orphan) and its automated backups are deleted. A
person has set the deletion protection: it is reported, and removed only if configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import rds_api
from reconciler.aws.kinds.kind import Raw
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import RDS_INSTANCE, BillingTerms, Resource
from reconciler.model.tags import AccountRegion

_LISTED = ("describe_db_instances", "DBInstances")

PROTECTED = "deletion protection is on, which is not lifted"


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete the instances that are not protected now."""
    instances = rds_api.listed(Reads(deleter.aws), *_LISTED)
    found = {rds_api.end_of(one["DBInstanceArn"]): one for one in instances}
    free = []
    for resource in resources:
        protected = resource.id in found and found[resource.id].get("DeletionProtection")
        why = _lifted(deleter, resource) if protected else ""
        if why:
            yield Outcome(resource, OutcomeStatus.BLOCKED, why)
        else:
            free.append(resource)
    # Neither a final snapshot nor backups are to outlive it.
    whole = {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": True}
    yield from rds_api.delete(deleter, free, "delete_db_instance", "DBInstanceIdentifier", **whole)


def by_endpoint(reads: Reads) -> dict[str, Resource]:
    """The region's instances, whoever made them, by where they listen: HOST:PORT.

    Raises CloudError, AccessDenied.
    """
    found = {}
    for one in rds_api.listed(reads, *_LISTED):
        endpoint = one.get("Endpoint") or {}
        found[f"{endpoint.get('Address')}:{endpoint.get('Port')}"] = _resource(one, reads.place)
    return found


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


def _resource(one: Raw, place: AccountRegion) -> Resource:
    replicas = one.get("ReadReplicaDBInstanceIdentifiers") or ()
    groups = (each.get("VpcSecurityGroupId") for each in one.get("VpcSecurityGroups") or ())
    return Resource(
        RDS_INSTANCE,
        rds_api.end_of(one["DBInstanceArn"]),
        place,
        tags_of(one, "TagList"),
        state=one.get("DBInstanceStatus", ""),
        name=one["DBInstanceIdentifier"],
        zone=one.get("AvailabilityZone", ""),
        type=_type(one),
        created=one.get("InstanceCreateTime"),
        uses=tuple(each for each in groups if each),
        used_by=tuple(f"db:{each}" for each in replicas),
        size_gb=one.get("AllocatedStorage", 0),
        billing=BillingTerms(
            storage=one.get("StorageType") or "",
            iops=one.get("Iops") or 0,
            throughput=one.get("StorageThroughput") or 0,
        ),
        public_ips=int(bool(one.get("PubliclyAccessible"))),
    )


def _type(one: Raw) -> str:
    """The class, plus what makes its price differ from a plain PostgreSQL instance."""
    more = [one.get("Engine", "")] if one.get("Engine") != "postgres" else []
    more += ["multi-az"] if one.get("MultiAZ") else []
    return " ".join([one.get("DBInstanceClass", ""), *more])


KIND = rds_api.kind(RDS_INSTANCE, *_LISTED, _resource, delete)
