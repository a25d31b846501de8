"""Publishes a notice to an SNS topic."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.aws.errors import calling
from reconciler.aws.session import Aws
from reconciler.notices import Notice, for_mail
from reconciler.tags import Place


def place_of(topic: str) -> Place:
    """Account and region of a topic's ARN."""
    _, _, _, region, account, _ = topic.split(":", 5)
    return Place(account, region)


@dataclass(frozen=True)
class Topic:
    """A topic, asked by its own account's credentials."""

    aws: Aws
    arn: str

    def __call__(self, notice: Notice) -> None:
        """Publish it, once. Raises CloudError, AccessDenied."""
        subject, text = for_mail(notice)
        with calling("sns:Publish", mutating=True):
            self.aws.sns_once.publish(TopicArn=self.arn, Subject=subject, Message=text)
