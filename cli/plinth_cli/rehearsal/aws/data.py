"""What AWS assigns to databases, caches and backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plinth_cli.rehearsal.aws.shapes import TIME, Assigned, arn, by_arn, named

DATA: Final[Mapping[str, Assigned]] = {
    "rds/cluster:Cluster": named(
        "rds",
        "cluster:{name}",
        endpoint="{name}.cluster-{hex12}.{region}.rds.amazonaws.com",
        readerEndpoint="{name}.cluster-ro-{hex12}.{region}.rds.amazonaws.com",
        clusterResourceId="cluster-{HEX26}",
        engineVersion="16.6",
        engineVersionActual="{in.engineVersion|16.6}",
        hostedZoneId="Z{hex13.zone}",
        masterUserSecrets="{master_user_secrets}",
        port="{port}",
        masterUsername="postgres",
        storageEncrypted=True,
        backupRetentionPeriod=1,
        availabilityZones=["{region}a", "{region}b", "{region}c"],
        upgradeRolloutOrder="second",
        caCertificateIdentifier="rds-ca-rsa2048-g1",
        preferredBackupWindow="03:00-04:00",
        preferredMaintenanceWindow="sun:05:00-sun:06:00",
    ),
    "rds/globalCluster:GlobalCluster": (
        "{in.globalClusterIdentifier}",
        {
            "arn": arn("rds", "global-cluster:{id}", region=""),
            "globalClusterResourceId": "cluster-{hex16}",
            "engine": "aurora-postgresql",
            "endpoint": "{id}.global-{hex12}.global.rds.amazonaws.com",
        },
    ),
    "rds/clusterInstance:ClusterInstance": named(
        "rds",
        "db:{name}",
        dbiResourceId="db-{HEX26}",
        endpoint="{name}.{hex12}.{region}.rds.amazonaws.com",
        engineVersionActual="{in.engineVersion|16.6}",
        port="{port}",
        storageEncrypted=True,
        networkType="IPV4",
        writer=False,
    ),
    "rds/instance:Instance": (
        "db-{HEX26}",
        {
            "arn": arn("rds", "db:{name}"),
            "address": "{name}.{hex12}.{region}.rds.amazonaws.com",
            "port": "{port}",
            "endpoint": "{out.address}:{out.port}",
            "resourceId": "{id}",
            "engineVersionActual": "{in.engineVersion|16.6}",
            "masterUserSecrets": "{master_user_secrets}",
            "status": "available",
            "hostedZoneId": "Z{hex13.zone}",
        },
    ),
    "rds/subnetGroup:SubnetGroup": named(
        "rds", "subgrp:{name}", description="Managed by Pulumi", supportedNetworkTypes=["IPV4"], vpcId="vpc-{hex17.vpc}"
    ),
    "rds/parameterGroup:ParameterGroup": named("rds", "pg:{name}", description="Managed by Pulumi"),
    "rds/clusterParameterGroup:ClusterParameterGroup": named(
        "rds", "cluster-pg:{name}", description="Managed by Pulumi"
    ),
    "neptune/cluster:Cluster": named(
        "rds",
        "cluster:{name}",
        endpoint="{name}.cluster-{hex12}.{region}.neptune.amazonaws.com",
        readerEndpoint="{name}.cluster-ro-{hex12}.{region}.neptune.amazonaws.com",
        clusterResourceId="cluster-{HEX26}",
        clusterIdentifier="{name}",
        hostedZoneId="Z{hex13.zone}",
        availabilityZones=["{region}a", "{region}b", "{region}c"],
    ),
    "neptune/clusterInstance:ClusterInstance": named(
        "rds",
        "db:{name}",
        dbiResourceId="db-{HEX26}",
        address="{name}.{hex12}.{region}.neptune.amazonaws.com",
        endpoint="{out.address}:8182",
        storageEncrypted=True,
        writer=False,
    ),
    "neptune/subnetGroup:SubnetGroup": named("rds", "subgrp:{name}", description="Managed by Pulumi"),
    "neptune/clusterParameterGroup:ClusterParameterGroup": named(
        "rds", "cluster-pg:{name}", description="Managed by Pulumi"
    ),
    "elasticache/replicationGroup:ReplicationGroup": named(
        "elasticache",
        "replicationgroup:{name}",
        primaryEndpointAddress="master.{name}.{hex6}.{region_code}.cache.amazonaws.com",
        readerEndpointAddress="replica.{name}.{hex6}.{region_code}.cache.amazonaws.com",
        configurationEndpointAddress="",
        engineVersionActual="{in.engineVersion|8.0}",
        memberClusters=["{name}-001"],
        clusterEnabled=False,
        port=6379,
        engine="valkey",
    ),
    "elasticache/globalReplicationGroup:GlobalReplicationGroup": (
        "ldgnf-{in.globalReplicationGroupIdSuffix}",
        {
            "arn": arn("elasticache", "globalreplicationgroup:{id}", region=""),
            "globalReplicationGroupId": "{id}",
            "engine": "valkey",
            "atRestEncryptionEnabled": True,
            "transitEncryptionEnabled": True,
            "clusterEnabled": False,
        },
    ),
    "elasticache/serverlessCache:ServerlessCache": named(
        "elasticache",
        "serverlesscache:{name}",
        createTime=TIME,
        endpoints=[{"address": "{name}-{hex6}.serverless.{region_code}.cache.amazonaws.com", "port": 6379}],
        readerEndpoints=[{"address": "{name}-{hex6}.serverless.{region_code}.cache.amazonaws.com", "port": 6380}],
        fullEngineVersion="{in.majorEngineVersion|8}.0",
        status="available",
    ),
    "elasticache/subnetGroup:SubnetGroup": named(
        "elasticache", "subnetgroup:{name}", description="Managed by Pulumi", vpcId="vpc-{hex17.vpc}"
    ),
    "elasticache/parameterGroup:ParameterGroup": named(
        "elasticache", "parametergroup:{name}", description="Managed by Pulumi"
    ),
    "elasticache/user:User": ("{in.userId}", {"arn": arn("elasticache", "user:{id}")}),
    "elasticache/userGroup:UserGroup": ("{in.userGroupId}", {"arn": arn("elasticache", "usergroup:{id}")}),
    "opensearch/domain:Domain": by_arn(
        arn("es", "domain/{name}"),
        domainId="{account}/{name}",
        endpoint="vpc-{name}-{hex26}.{region}.es.amazonaws.com",
        dashboardEndpoint="vpc-{name}-{hex26}.{region}.es.amazonaws.com/_dashboards",
    ),
    "backup/vault:Vault": named("backup", "backup-vault:{name}"),
    "backup/plan:Plan": ("{uuid}", {"arn": arn("backup", "backup-plan:{id}"), "version": "{hex32.version}"}),
    "backup/selection:Selection": ("{uuid}", {}),
    "serverlessrepository/cloudFormationStack:CloudFormationStack": (
        arn("cloudformation", "stack/serverlessrepo-{name}/{uuid}"),
        {
            "semanticVersion": "1.0.0",
            "outputs": {"RotationLambdaARN": arn("lambda", "function:{name}")},
        },
    ),
    "efs/fileSystem:FileSystem": (
        "fs-{hex17}",
        {
            "arn": arn("elasticfilesystem", "file-system/{id}"),
            "dnsName": "{id}.efs.{region}.amazonaws.com",
            "ownerId": "{account}",
        },
    ),
    "cloudwatch/metricAlarm:MetricAlarm": named("cloudwatch", "alarm:{name}"),
    "cloudwatch/dashboard:Dashboard": (
        "{in.dashboardName}",
        {"dashboardArn": arn("cloudwatch", "dashboard/{id}", region="")},
    ),
}
