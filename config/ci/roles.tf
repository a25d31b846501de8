# Roles for releasing shop from GitHub Actions. Written by scripts/ci_roles.py.

terraform {
  required_version = ">= 1.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "repository" {
  description = "OWNER/NAME on GitHub"
  type        = string
}

variable "environment" {
  description = "The environment whose jobs may release"
  type        = string
  default     = "production"
}

variable "branch" {
  description = "The branch whose jobs may sweep"
  type        = string
  default     = "main"
}

variable "provider_arn" {
  description = "An OIDC provider for GitHub that the account has already"
  type        = string
  default     = ""
}

data "aws_caller_identity" "this" {}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.provider_arn == "" ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  provider = one(concat(aws_iam_openid_connect_provider.github[*].arn, compact([var.provider_arn])))
}

resource "aws_iam_policy" "deployer" {
  name   = "deployer"
  policy = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "SeeEverything",
      "Effect": "Allow",
      "Action": [
        "ec2:DescribeAddresses",
        "ec2:DescribeImageAttribute",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots"
      ],
      "Resource": "*"
    },
    {
      "Sid": "LaunchOnlyWhatIsBornWithItsTags",
      "Effect": "Allow",
      "Action": "ec2:RunInstances",
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:RequestTag/deploy-id": [
            "shop/*"
          ]
        }
      }
    },
    {
      "Sid": "LaunchFromAndInto",
      "Effect": "Allow",
      "Action": "ec2:RunInstances",
      "Resource": [
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*",
        "arn:aws:ec2:eu-west-1:123456789012:subnet/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/*",
        "arn:aws:ec2:eu-west-1:123456789012:key-pair/*"
      ]
    },
    {
      "Sid": "ImageOnlyBornWithItsTags",
      "Effect": "Allow",
      "Action": "ec2:CreateImage",
      "Resource": [
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:RequestTag/deploy-id": [
            "shop/*"
          ]
        }
      }
    },
    {
      "Sid": "ImageOfTheServicesMachines",
      "Effect": "Allow",
      "Action": "ec2:CreateImage",
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        }
      }
    },
    {
      "Sid": "TagAtBirth",
      "Effect": "Allow",
      "Action": "ec2:CreateTags",
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*"
      ],
      "Condition": {
        "StringEquals": {
          "ec2:CreateAction": [
            "RunInstances",
            "CreateImage"
          ]
        }
      }
    },
    {
      "Sid": "ChangeTheLabelAndNoOtherTag",
      "Effect": "Allow",
      "Action": [
        "ec2:CreateTags",
        "rds:AddTagsToResource"
      ],
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*",
        "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/*",
        "arn:aws:ec2:eu-west-1:123456789012:key-pair/*",
        "arn:aws:ec2:eu-west-1:123456789012:launch-template/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/*",
        "arn:aws:rds:eu-west-1:123456789012:db:*",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "ForAllValues:StringEquals": {
          "aws:TagKeys": [
            "deploy-database",
            "deploy-host-key",
            "deploy-paused",
            "deploy-state",
            "deploy-units"
          ]
        },
        "Null": {
          "aws:TagKeys": "false"
        }
      }
    },
    {
      "Sid": "DeleteOnlyWhatIsOursAndNotHeld",
      "Effect": "Allow",
      "Action": [
        "ec2:DeleteKeyPair",
        "ec2:DeleteLaunchTemplate",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteSnapshot",
        "ec2:DeleteVolume",
        "ec2:DeregisterImage",
        "ec2:DetachNetworkInterface",
        "ec2:ReleaseAddress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:TerminateInstances",
        "rds:DeleteDBInstance",
        "rds:DeleteDBSnapshot"
      ],
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*",
        "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/*",
        "arn:aws:ec2:eu-west-1:123456789012:key-pair/*",
        "arn:aws:ec2:eu-west-1:123456789012:launch-template/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/*",
        "arn:aws:rds:eu-west-1:123456789012:db:*",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "Null": {
          "aws:ResourceTag/deploy-hold": "true"
        }
      }
    },
    {
      "Sid": "SeeWhetherAHaltStopsThem",
      "Effect": "Allow",
      "Action": "ec2:DescribeInstanceAttribute",
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "Null": {
          "aws:ResourceTag/deploy-hold": "true"
        }
      }
    },
    {
      "Sid": "StartThemAndReadTheConsole",
      "Effect": "Allow",
      "Action": [
        "ec2:GetConsoleOutput",
        "ec2:StartInstances"
      ],
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        }
      }
    },
    {
      "Sid": "HandOnTheMachinesRole",
      "Effect": "Allow",
      "Action": "iam:PassRole",
      "Resource": [
        "arn:aws:iam::123456789012:role/shop"
      ],
      "Condition": {
        "StringEquals": {
          "iam:PassedToService": "ec2.amazonaws.com"
        }
      }
    },
    {
      "Sid": "FindTheZone",
      "Effect": "Allow",
      "Action": "route53:ListHostedZones",
      "Resource": "*"
    },
    {
      "Sid": "ReadTheLedgerAndTheRecord",
      "Effect": "Allow",
      "Action": "route53:ListResourceRecordSets",
      "Resource": [
        "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
      ]
    },
    {
      "Sid": "SwapTheLedgerAndTheRecordNeverUpsert",
      "Effect": "Allow",
      "Action": "route53:ChangeResourceRecordSets",
      "Resource": [
        "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
      ],
      "Condition": {
        "ForAllValues:StringEquals": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
            "shop.example.com",
            "shop._deploy.example.com"
          ],
          "route53:ChangeResourceRecordSetsRecordTypes": [
            "A",
            "TXT"
          ],
          "route53:ChangeResourceRecordSetsActions": [
            "CREATE",
            "DELETE"
          ]
        },
        "Null": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": "false",
          "route53:ChangeResourceRecordSetsRecordTypes": "false",
          "route53:ChangeResourceRecordSetsActions": "false"
        }
      }
    },
    {
      "Sid": "ResolveReferences",
      "Effect": "Allow",
      "Action": "ssm:GetParameter",
      "Resource": [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db-admin-url"
      ]
    }
  ]
}
JSON
}

resource "aws_iam_role" "deployer" {
  name                 = "deployer"
  max_session_duration = 7200
  assume_role_policy   = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "${local.provider}"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
          "token.actions.githubusercontent.com:sub": "repo:${var.repository}:environment:${var.environment}"
        }
      }
    }
  ]
}
JSON
}

resource "aws_iam_role_policy_attachment" "deployer" {
  role       = aws_iam_role.deployer.name
  policy_arn = aws_iam_policy.deployer.arn
}

output "deployer_role_arn" {
  value = aws_iam_role.deployer.arn
}

resource "aws_iam_policy" "reconciler" {
  name   = "reconciler"
  policy = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "SeeEverything",
      "Effect": "Allow",
      "Action": [
        "ec2:DescribeAddresses",
        "ec2:DescribeImageAttribute",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRegions",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots"
      ],
      "Resource": "*"
    },
    {
      "Sid": "ChangeTheLabelAndNoOtherTag",
      "Effect": "Allow",
      "Action": [
        "ec2:CreateTags",
        "rds:AddTagsToResource"
      ],
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*",
        "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/*",
        "arn:aws:ec2:eu-west-1:123456789012:key-pair/*",
        "arn:aws:ec2:eu-west-1:123456789012:launch-template/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/*",
        "arn:aws:rds:eu-west-1:123456789012:db:*",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "ForAllValues:StringEquals": {
          "aws:TagKeys": [
            "deploy-state",
            "deploy-units"
          ]
        },
        "Null": {
          "aws:TagKeys": "false"
        }
      }
    },
    {
      "Sid": "DeleteOnlyWhatIsOursAndNotHeld",
      "Effect": "Allow",
      "Action": [
        "ec2:DeleteKeyPair",
        "ec2:DeleteLaunchTemplate",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteSnapshot",
        "ec2:DeleteVolume",
        "ec2:DeregisterImage",
        "ec2:DetachNetworkInterface",
        "ec2:ReleaseAddress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:TerminateInstances",
        "rds:DeleteDBInstance",
        "rds:DeleteDBSnapshot"
      ],
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        "arn:aws:ec2:eu-west-1:123456789012:volume/*",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1::image/*",
        "arn:aws:ec2:eu-west-1::snapshot/*",
        "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/*",
        "arn:aws:ec2:eu-west-1:123456789012:key-pair/*",
        "arn:aws:ec2:eu-west-1:123456789012:launch-template/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/*",
        "arn:aws:rds:eu-west-1:123456789012:db:*",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "Null": {
          "aws:ResourceTag/deploy-hold": "true"
        }
      }
    },
    {
      "Sid": "SeeWhetherAHaltStopsThem",
      "Effect": "Allow",
      "Action": "ec2:DescribeInstanceAttribute",
      "Resource": [
        "arn:aws:ec2:eu-west-1:123456789012:instance/*"
      ],
      "Condition": {
        "StringLike": {
          "aws:ResourceTag/deploy-id": [
            "shop/*"
          ]
        },
        "Null": {
          "aws:ResourceTag/deploy-hold": "true"
        }
      }
    },
    {
      "Sid": "FindTheZone",
      "Effect": "Allow",
      "Action": "route53:ListHostedZones",
      "Resource": "*"
    },
    {
      "Sid": "ReadTheLedgerAndTheRecord",
      "Effect": "Allow",
      "Action": "route53:ListResourceRecordSets",
      "Resource": [
        "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
      ]
    },
    {
      "Sid": "SwapTheLedgerAndTheRecordNeverUpsert",
      "Effect": "Allow",
      "Action": "route53:ChangeResourceRecordSets",
      "Resource": [
        "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
      ],
      "Condition": {
        "ForAllValues:StringEquals": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
            "shop.example.com",
            "shop._deploy.example.com"
          ],
          "route53:ChangeResourceRecordSetsRecordTypes": [
            "A",
            "TXT"
          ],
          "route53:ChangeResourceRecordSetsActions": [
            "CREATE",
            "DELETE"
          ]
        },
        "Null": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": "false",
          "route53:ChangeResourceRecordSetsRecordTypes": "false",
          "route53:ChangeResourceRecordSetsActions": "false"
        }
      }
    },
    {
      "Sid": "ResolveReferences",
      "Effect": "Allow",
      "Action": "ssm:GetParameter",
      "Resource": [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db-admin-url"
      ]
    }
  ]
}
JSON
}

resource "aws_iam_role" "reconciler" {
  name                 = "reconciler"
  max_session_duration = 7200
  assume_role_policy   = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "${local.provider}"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
          "token.actions.githubusercontent.com:sub": "repo:${var.repository}:ref:refs/heads/${var.branch}"
        }
      }
    }
  ]
}
JSON
}

resource "aws_iam_role_policy_attachment" "reconciler" {
  role       = aws_iam_role.reconciler.name
  policy_arn = aws_iam_policy.reconciler.arn
}

output "reconciler_role_arn" {
  value = aws_iam_role.reconciler.arn
}

resource "aws_iam_policy" "viewer" {
  name   = "viewer"
  policy = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "SeeEverything",
      "Effect": "Allow",
      "Action": [
        "ec2:DescribeAddresses",
        "ec2:DescribeImageAttribute",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots"
      ],
      "Resource": "*"
    },
    {
      "Sid": "FindTheZone",
      "Effect": "Allow",
      "Action": "route53:ListHostedZones",
      "Resource": "*"
    },
    {
      "Sid": "ReadTheLedgerAndTheRecord",
      "Effect": "Allow",
      "Action": "route53:ListResourceRecordSets",
      "Resource": [
        "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"
      ]
    }
  ]
}
JSON
}

resource "aws_iam_role" "viewer" {
  name                 = "viewer"
  max_session_duration = 7200
  assume_role_policy   = <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "${local.provider}"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
          "token.actions.githubusercontent.com:sub": "repo:${var.repository}:pull_request"
        }
      }
    },
    {
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"
      },
      "Action": "sts:AssumeRole"
    }
  ]
}
JSON
}

resource "aws_iam_role_policy_attachment" "viewer" {
  role       = aws_iam_role.viewer.name
  policy_arn = aws_iam_policy.viewer.arn
}

output "viewer_role_arn" {
  value = aws_iam_role.viewer.arn
}
