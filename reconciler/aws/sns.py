"""Publishes a notification to an SNS topic."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model.tags import AccountRegion


def place_of(topic: str) -> AccountRegion:
    """Account and region of a topic's ARN."""
    _, _, _, region, account, _ = topic.split(":", 5)
    return AccountRegion(account, region)


@dataclass(frozen=True)
class Topic:
    """A topic, accessed with the credentials of its own account."""

    aws: Aws
    arn: str

    def publish(self, subject: str, text: str) -> None:
        """Publish it, once. Raises CloudError, AccessDenied."""
        with calling("sns:Publish", mutating=True):
            self.aws.sns_once.publish(TopicArn=self.arn, Subject=subject, Message=text)
