"""Where weights are, and who may read them."""

from typing import Any

import pulumi


def address(bucket_name: pulumi.Input[str], path: str) -> pulumi.Output[str]:
    """What an engine loads weights from."""
    return pulumi.Output.format("s3://{0}/{1}", bucket_name, path)


def read_policy(bucket_arn: pulumi.Input[str], path: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """IAM policy: read what is under `path`, and nothing else."""
    arn = pulumi.Output.from_input(bucket_arn)
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ListWeights",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": [path, f"{path}/*"]}},
        },
        {
            "Sid": "ReadWeights",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": pulumi.Output.format("{0}/{1}/*", arn, path),
        },
        {"Sid": "DecryptWeights", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn},
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
