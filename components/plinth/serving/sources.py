"""Where weights are, and who may read them."""

from collections.abc import Sequence
from typing import Any

import pulumi

from plinth.serving import vllm
from plinth.spec.models import SelfHostedModel


def address(bucket_name: pulumi.Input[str], model: SelfHostedModel) -> pulumi.Input[str]:
    """What an engine loads a model's weights from."""
    path = model.source.bucket_path
    return vllm.WEIGHTS if path is None else pulumi.Output.format("s3://{0}/{1}", bucket_name, path)


def read_policy(bucket_arn: pulumi.Input[str], paths: Sequence[str], key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """IAM policy: read what is under these paths, and nothing else."""
    arn = pulumi.Output.from_input(bucket_arn)
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ListWeights",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": [item for path in paths for item in (path, f"{path}/*")]}},
        },
        {
            "Sid": "ReadWeights",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [pulumi.Output.format("{0}/{1}/*", arn, path) for path in paths],
        },
        {"Sid": "DecryptWeights", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn},
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
