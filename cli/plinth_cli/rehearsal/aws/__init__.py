"""The stand-in for pulumi_aws."""

from plinth_cli.rehearsal.aws.package import AwsPackage

__all__ = ["AwsPackage"]
