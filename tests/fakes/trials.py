"""The questions to AWS before a release, with scripted answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from deployer.aws.trials import AwsTrials, DiskKey, Room
from deployer.compute import ImageOrder, LaunchOrder
from reconciler.errors import ToolError


@dataclass(frozen=True)
class ScriptedTrials(AwsTrials):
    """AWS as a test says it is."""

    aws: Any = None
    offset: timedelta = timedelta(0)
    missing: tuple[str, ...] = ()
    unasked: ToolError | None = None
    refusing: Mapping[str, ToolError] | None = None
    free: int = 250
    room: Room = field(default_factory=lambda: Room(2, 32))
    groups: Room = field(default_factory=lambda: Room(2, 3000))
    state: str = "Enabled"
    lacks: tuple[str, ...] = ()

    def clock_offset(self) -> timedelta:
        return self.offset

    def denied(self, document: Any) -> tuple[str, ...]:
        assert document["Statement"]
        self._may_be_unasked()
        return self.missing

    def try_image(self, order: ImageOrder) -> None:
        del order
        self._may_refuse("CreateImage")

    def try_launch(self, order: LaunchOrder) -> None:
        del order
        self._may_refuse("RunInstances")

    def try_label(self, instance: str, tags: Mapping[str, str]) -> None:
        del instance, tags
        self._may_refuse("CreateTags")

    def free_addresses(self, subnet: str) -> int:
        del subnet
        return self.free

    def vcpus(self) -> Room:
        self._may_be_unasked()
        return self.room

    def vcpus_of(self, instance_type: str) -> int:
        assert instance_type
        return 2

    def target_groups(self) -> Room:
        self._may_be_unasked()
        return self.groups

    def disk_key(self, key: str) -> DiskKey:
        self._may_be_unasked()
        return DiskKey(key, self.state)

    def key_lacks(self, key: DiskKey) -> tuple[str, ...]:
        assert key.arn
        return self.lacks

    def _may_be_unasked(self) -> None:
        if self.unasked is not None:
            raise self.unasked

    def _may_refuse(self, action: str) -> None:
        if self.refusing and action in self.refusing:
            raise self.refusing[action]
