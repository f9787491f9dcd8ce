"""What AWS assigns to the services that watch an account, and to settings of the account as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plinth_cli.rehearsal.aws.shapes import Assigned, arn

_ACCOUNT: Final[Assigned] = ("{account}", {})
_REGION: Final[Assigned] = ("{region}", {})

SECURITY: Final[Mapping[str, Assigned]] = {
    "guardduty/detector:Detector": (
        "{hex32}",
        {"arn": arn("guardduty", "detector/{id}"), "accountId": "{account}"},
    ),
    "guardduty/detectorFeature:DetectorFeature": ("{in.detectorId}/{in.name}", {}),
    "inspector2/enabler:Enabler": ("{account}-enabler", {}),
    "cloudtrail/trail:Trail": (
        arn("cloudtrail", "trail/{name}"),
        {"arn": "{id}", "homeRegion": "{region}", "snsTopicArn": ""},
    ),
    "accessanalyzer/analyzer:Analyzer": (
        "{in.analyzerName}",
        {"arn": arn("access-analyzer", "analyzer/{in.analyzerName}")},
    ),
    "s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": ("{in.bucket}", {}),
    "s3/accountPublicAccessBlock:AccountPublicAccessBlock": _ACCOUNT,
    "ebs/encryptionByDefault:EncryptionByDefault": _REGION,
    "ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": _REGION,
    "ec2/imageBlockPublicAccess:ImageBlockPublicAccess": _REGION,
    "ec2/instanceMetadataDefaults:InstanceMetadataDefaults": _REGION,
}
