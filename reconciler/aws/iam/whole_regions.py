"""The permissions of `reconciler strays`: lists of whole regions, and nothing that changes them."""

from __future__ import annotations

from reconciler.aws.iam.statements import Document, allow

_EC2 = (
    *("Instances", "Volumes", "Addresses", "Images", "Snapshots", "Regions"),
    *("LaunchTemplates", "LaunchTemplateVersions"),
)
_BALANCING = ("LoadBalancers", "TargetGroups", "TargetHealth", "Tags")


def look() -> tuple[Document, ...]:
    """Lists have no resource-level permissions, so each is allowed for everything."""
    return (
        allow("ListWhatThereIs", tuple(f"ec2:Describe{name}" for name in _EC2), "*"),
        allow(
            "ListLoadBalancers",
            tuple(f"elasticloadbalancing:Describe{name}" for name in _BALANCING),
            "*",
        ),
        allow("ListImagesInUse", "autoscaling:DescribeLaunchConfigurations", "*"),
    )
