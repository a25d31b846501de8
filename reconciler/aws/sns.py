"""Publishes a notification to an SNS topic."""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model.tags import AccountRegion


def place_of(topic: str) -> AccountRegion:
    """Account and region of a topic's ARN."""
    _, _, _, region, account, _ = topic.split(":", 5)
    return AccountRegion(account, region)


def publish(aws: Aws, topic: str, subject: str, text: str) -> None:
    """Publish it once. `aws` is the topic's own account. Raises CloudError, AccessDenied."""
    with calling("sns:Publish", mutating=True):
        aws.sns_once.publish(TopicArn=topic, Subject=subject, Message=text)
