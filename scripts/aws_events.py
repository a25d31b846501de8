"""Events of the templates in config/aws, and the template of an account that is swept."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.aws_parts import Json, allow, arn, parameter, role, sub

ROOT = Path(__file__).resolve().parent.parent

PATTERN: Json = {
    "$or": [
        {
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance State-change Notification"],
            "detail": {"state": ["stopping", "stopped", "shutting-down", "terminated"]},
        },
        {
            "source": ["aws.tag"],
            "detail-type": ["Tag Change on Resource"],
            "detail": {"changed-tag-keys": [{"prefix": "deploy-"}]},
        },
    ]
}
"""A machine died, or a tag of ours changed."""


CALL = '{"command": ["sweep", "--young", "--scope", "<account>/<region>"]}'


def events() -> Json:
    """The rule that starts a young sweep of the scope where something happened."""
    return {
        "Happened": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Description": "A machine died, or a tag of ours changed: sweep that scope",
                "EventPattern": PATTERN,
                "Targets": [
                    {
                        "Id": "sweep",
                        "Arn": arn("Function"),
                        "DeadLetterConfig": {"Arn": arn("DeadLetters")},
                        "InputTransformer": {
                            "InputPathsMap": {"account": "$.account", "region": "$.region"},
                            "InputTemplate": CALL,
                        },
                    }
                ],
            },
        },
        "HappenedMayCall": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "events.amazonaws.com",
                "SourceArn": arn("Happened"),
            },
        },
        **letters(),
        **members_may_send(),
    }


def letters() -> Json:
    """Who may put a letter that was not delivered into the queue."""
    return {
        "LettersFromRules": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "DeadLetters"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": arn("DeadLetters"),
                            "Condition": {"ArnEquals": {"aws:SourceArn": arn("Happened")}},
                        }
                    ],
                },
            },
        },
    }


def members_may_send() -> Json:
    """The accounts of the organisation may send events here."""
    return {
        "MembersMaySend": {
            "Type": "AWS::Events::EventBusPolicy",
            "Condition": "HasOrganization",
            "Properties": {
                "StatementId": {"Ref": "AWS::StackName"},
                "Statement": {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "events:PutEvents",
                    "Resource": sub(
                        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
                    ),
                    "Condition": {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "Organization"}}},
                },
            },
        },
    }


def member() -> Json:
    """The template of every account that is swept."""
    policy = json.loads((ROOT / "config/iam/reconciler.json").read_text(encoding="utf-8"))
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": "HubRoleArn"}},
        "Action": "sts:AssumeRole",
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "An account that is swept from another one; by scripts/aws_template.py",
        "Parameters": {
            "HubRoleArn": parameter("The role of the hub's function"),
            "HubBusArn": parameter("The hub's event bus in this region; '' for no events", ""),
        },
        "Conditions": {"HasBus": {"Fn::Not": [{"Fn::Equals": [{"Ref": "HubBusArn"}, ""]}]}},
        "Resources": {
            "Policy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": policy},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "reconciler",
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "ManagedPolicyArns": [{"Ref": "Policy"}],
                },
            },
            **sender(),
        },
    }


def sender() -> Json:
    """What sends events to the hub."""
    return {
        "SenderRole": {
            **role("events.amazonaws.com", allow(["events:PutEvents"], {"Ref": "HubBusArn"})),
            "Condition": "HasBus",
        },
        "Happened": {
            "Type": "AWS::Events::Rule",
            "Condition": "HasBus",
            "Properties": {
                "EventPattern": PATTERN,
                "Targets": [
                    {"Id": "hub", "Arn": {"Ref": "HubBusArn"}, "RoleArn": arn("SenderRole")}
                ],
            },
        },
    }
