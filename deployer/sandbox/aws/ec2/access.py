"""Security groups and key pairs, with the checks that moto lacks.

Sources: DescribeSecurityGroups; DeleteSecurityGroup (DependencyViolation); DescribeKeyPairs;
DeleteKeyPair (by name or by id; no error if it does not exist).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from deployer.sandbox.aws.api.errors import bad_value, ec2_error, missing
from deployer.sandbox.aws.api.filters import Getter, select
from deployer.sandbox.aws.state.base import Ec2Base

_KEY_FILTERS: dict[str, Getter] = {
    "fingerprint": lambda key: key.key_fingerprint,
    "key-name": lambda key: key.key_name,
    "key-pair-id": lambda key: key.id,
}


class AccessActions(Ec2Base):
    """Security groups and key pairs."""

    def describe_security_groups(self) -> ActionResult:
        """Like moto's, but an unknown filter is refused."""
        self.filters()
        self.error_on_dryrun()
        try:
            answer: ActionResult = super().describe_security_groups()  # type: ignore[misc]
        except KeyError as unknown:
            raise bad_value(f"The filter {unknown} is invalid") from unknown
        return answer

    def delete_security_group(self) -> ActionResult:
        """Refused while an interface uses the group."""
        group_id = self._get_param("GroupId")
        for interface in self.ec2_backend.enis.values():
            if any(group.id == group_id for group in interface.group_set):
                text = f"resource {group_id} has a dependent object"
                raise ec2_error("DependencyViolation", text)
        self.error_on_dryrun()
        answer: ActionResult = super().delete_security_group()  # type: ignore[misc]
        return answer

    def describe_key_pairs(self) -> ActionResult:
        """By names, by ids, or all."""
        pairs = list(self.ec2_backend.key_pairs.values())
        names, ids = self.ids("KeyNames"), self.ids("KeyPairIds")
        absent = {*names, *ids} - {p.key_name for p in pairs} - {p.id for p in pairs}
        if absent:
            text = f"The key pair '{min(absent)}' does not exist"
            raise ec2_error("InvalidKeyPair.NotFound", text)
        if names or ids:
            pairs = [p for p in pairs if p.key_name in names or p.id in ids]
        found = select(pairs, self.filters(), _KEY_FILTERS)
        self.error_on_dryrun()
        public = bool(self._get_param("IncludePublicKey", False))
        return ActionResult({"KeyPairs": [_shown(pair, public) for pair in found]})

    def delete_key_pair(self) -> ActionResult:
        """By name or id; no error if it does not exist."""
        name, pair_id = self._get_param("KeyName"), self._get_param("KeyPairId")
        if not name and not pair_id:
            raise missing("KeyName")
        self.error_on_dryrun()
        doomed = [
            pair
            for pair in self.ec2_backend.key_pairs.values()
            if name == pair.key_name or (not name and pair_id == pair.id)
        ]
        for pair in doomed:
            del self.ec2_backend.key_pairs[pair.key_name]
            self.ec2_backend.tags.pop(pair.id, None)
        return ActionResult({"Return": True, "KeyPairId": doomed[0].id if doomed else None})


def _shown(pair: Any, public: bool) -> dict[str, Any]:
    return {
        "KeyPairId": pair.id,
        "KeyFingerprint": pair.key_fingerprint,
        "KeyName": pair.key_name,
        "KeyType": pair.key_type,
        "Tags": [{"Key": t["key"], "Value": t["value"]} for t in pair.get_tags()],
        "PublicKey": pair.public_key if public else None,
        "CreateTime": pair.create_time,
    }
