"""Names that pulumi-aws makes up, with the limits of the services (AWS documentation of each service, "Quotas")."""

from __future__ import annotations

from typing import Final

from plinth_cli.rehearsal.naming import NameRule

_NAME_64 = NameRule(longest=64, prefix="namePrefix")

NAMES: Final[dict[str, NameRule]] = {
    "aws:backup/vault:Vault": NameRule(longest=50),
    "aws:cloudtrail/trail:Trail": NameRule(longest=128),
    "aws:cloudwatch/eventRule:EventRule": _NAME_64,
    "aws:cloudwatch/eventTarget:EventTarget": NameRule("targetId", longest=64),
    "aws:cloudwatch/logGroup:LogGroup": NameRule(longest=512, prefix="namePrefix"),
    "aws:budgets/budget:Budget": NameRule(longest=100, prefix="namePrefix"),
    "aws:dynamodb/table:Table": NameRule(longest=255),
    "aws:ecr/repository:Repository": NameRule(longest=256, lower=True),
    "aws:eks/cluster:Cluster": NameRule(longest=100),
    "aws:eks/nodeGroup:NodeGroup": NameRule("nodeGroupName", longest=63, prefix="nodeGroupNamePrefix"),
    "aws:elasticache/parameterGroup:ParameterGroup": NameRule(longest=255, lower=True),
    "aws:elasticache/replicationGroup:ReplicationGroup": NameRule("replicationGroupId", longest=40, lower=True),
    "aws:elasticache/serverlessCache:ServerlessCache": NameRule(longest=40, lower=True),
    "aws:elasticache/subnetGroup:SubnetGroup": NameRule(longest=255, lower=True),
    "aws:iam/instanceProfile:InstanceProfile": NameRule(longest=128, prefix="namePrefix"),
    "aws:iam/policy:Policy": NameRule(longest=128, prefix="namePrefix"),
    "aws:iam/role:Role": _NAME_64,
    "aws:iam/rolePolicy:RolePolicy": NameRule(longest=128, prefix="namePrefix"),
    "aws:kms/alias:Alias": NameRule(longest=250, prefix="namePrefix"),
    "aws:lambda/function:Function": NameRule(longest=64),
    "aws:lb/loadBalancer:LoadBalancer": NameRule(longest=32, prefix="namePrefix"),
    "aws:lb/targetGroup:TargetGroup": NameRule(longest=32, prefix="namePrefix"),
    "aws:opensearch/domain:Domain": NameRule("domainName", longest=28, lower=True),
    "aws:rds/cluster:Cluster": NameRule("clusterIdentifier", longest=63, lower=True, prefix="clusterIdentifierPrefix"),
    "aws:rds/clusterInstance:ClusterInstance": NameRule(
        "identifier", longest=63, lower=True, prefix="identifierPrefix"
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": NameRule(longest=255, lower=True, prefix="namePrefix"),
    "aws:rds/instance:Instance": NameRule("identifier", longest=63, lower=True, prefix="identifierPrefix"),
    "aws:rds/parameterGroup:ParameterGroup": NameRule(longest=255, lower=True, prefix="namePrefix"),
    "aws:rds/subnetGroup:SubnetGroup": NameRule(longest=255, lower=True, prefix="namePrefix"),
    "aws:s3/bucket:Bucket": NameRule("bucket", longest=63, lower=True, prefix="bucketPrefix"),
    "aws:secretsmanager/secret:Secret": NameRule(longest=512, prefix="namePrefix"),
    "aws:sns/topic:Topic": NameRule(longest=256, prefix="namePrefix", fifo="fifoTopic"),
    "aws:sqs/queue:Queue": NameRule(longest=80, prefix="namePrefix", fifo="fifoQueue"),
}
