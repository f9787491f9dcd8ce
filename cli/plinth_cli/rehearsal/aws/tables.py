"""What AWS assigns: ids, ARNs, endpoints and other outputs of the resource types that platforms use.

Shapes follow the AWS documentation (for ARNs, "Actions, resources, and condition keys"). A type without a row still
works: the SDK's types and the patterns at the end give its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plinth_cli.rehearsal.aws.names import NAMES
from plinth_cli.rehearsal.immutable import AWS, AWS_ALWAYS
from plinth_cli.rehearsal.sdk import Row

_TIME = "2026-01-01T00:00:00Z"
"""A rehearsal's resources have no meaningful age; a constant keeps refreshes quiet."""


def _arn(service: str, resource: str, *, region: str = "{region}", account: str = "{account}") -> str:
    return f"arn:{{partition}}:{service}:{region}:{account}:{resource}"


def _ec2(kind: str, prefix: str, **outputs: Any) -> tuple[str, Mapping[str, Any]]:
    """EC2's resources: an id such as vpc-0123456789abcdef0, and an ARN with it."""
    return f"{prefix}-{{hex17}}", {"arn": _arn("ec2", f"{kind}/{{id}}"), "ownerId": "{account}", **outputs}


def _named(service: str, resource: str, **outputs: Any) -> tuple[str, Mapping[str, Any]]:
    """A resource whose id is its name."""
    return "{name}", {"arn": _arn(service, resource), **outputs}


def _by_arn(arn: str, **outputs: Any) -> tuple[str, Mapping[str, Any]]:
    """A resource whose id is its ARN."""
    return arn, {"arn": "{id}", **outputs}


_ENDPOINT = "{name}.{kind}{hex12}.{region}"

_NETWORK: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ec2/vpc:Vpc": _ec2(
        "vpc",
        "vpc",
        defaultNetworkAclId="acl-{hex17.acl}",
        defaultRouteTableId="rtb-{hex17.rtb}",
        mainRouteTableId="rtb-{hex17.rtb}",
        defaultSecurityGroupId="sg-{hex17.sg}",
        dhcpOptionsId="dopt-{hex17.dhcp}",
        enableDnsHostnames=False,
        enableDnsSupport=True,
        instanceTenancy="default",
    ),
    "ec2/subnet:Subnet": _ec2("subnet", "subnet", availabilityZone="{region}a", availabilityZoneId="{region_code}-az1"),
    "ec2/routeTable:RouteTable": _ec2("route-table", "rtb"),
    "ec2/route:Route": ("r-{in.routeTableId}{hex10}", {"origin": "CreateRoute", "state": "active"}),
    "ec2/routeTableAssociation:RouteTableAssociation": ("rtbassoc-{hex17}", {}),
    "ec2/internetGateway:InternetGateway": _ec2("internet-gateway", "igw"),
    "ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": ("eigw-{hex17}", {}),
    "ec2/natGateway:NatGateway": (
        "nat-{hex17}",
        {
            "associationId": "eipassoc-{hex17.eip}",
            "networkInterfaceId": "eni-{hex17.eni}",
            "privateIp": "10.0.0.{digits2.private}",
            "publicIp": "203.0.113.{digits2.public}",
            "connectivityType": "public",
        },
    ),
    "ec2/eip:Eip": (
        "eipalloc-{hex17}",
        {
            "allocationId": "{id}",
            "arn": _arn("ec2", "elastic-ip/{id}"),
            "domain": "vpc",
            "publicIp": "203.0.113.{digits2.public}",
            "publicDns": "ec2-203-0-113-{digits2.public}.{region}.compute.amazonaws.com",
            "networkBorderGroup": "{region}",
            "publicIpv4Pool": "amazon",
        },
    ),
    "ec2/vpcEndpoint:VpcEndpoint": _ec2(
        "vpc-endpoint",
        "vpce",
        prefixListId="pl-{hex8.prefix}",
        state="available",
        dnsEntries=[
            {"dnsName": "{id}-{hex8.dns}.{in.serviceName|service}.vpce.amazonaws.com", "hostedZoneId": "Z{hex13.zone}"}
        ],
    ),
    "ec2/securityGroup:SecurityGroup": _ec2("security-group", "sg", description="Managed by Pulumi"),
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": _ec2("security-group", "sg", name="default"),
    "ec2/defaultNetworkAcl:DefaultNetworkAcl": ("{in.defaultNetworkAclId}", {"arn": _arn("ec2", "network-acl/{id}")}),
    "ec2/defaultRouteTable:DefaultRouteTable": ("{in.defaultRouteTableId}", {"arn": _arn("ec2", "route-table/{id}")}),
    "ec2/networkAcl:NetworkAcl": _ec2("network-acl", "acl"),
    "ec2/securityGroupRule:SecurityGroupRule": ("sgrule-{digits10}", {"securityGroupRuleId": "sgr-{hex17}"}),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "sgr-{hex17}",
        {"arn": _arn("ec2", "security-group-rule/{id}"), "securityGroupRuleId": "{id}"},
    ),
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "sgr-{hex17}",
        {"arn": _arn("ec2", "security-group-rule/{id}"), "securityGroupRuleId": "{id}"},
    ),
    "ec2/flowLog:FlowLog": ("fl-{hex17}", {"arn": _arn("ec2", "vpc-flow-log/{id}"), "logDestination": ""}),
    "ec2/launchTemplate:LaunchTemplate": (
        "lt-{hex17}",
        {"arn": _arn("ec2", "launch-template/{id}"), "latestVersion": 1, "defaultVersion": 1},
    ),
    "ec2/capacityReservation:CapacityReservation": _ec2("capacity-reservation", "cr"),
    "ec2/placementGroup:PlacementGroup": (
        "{name}",
        {"arn": _arn("ec2", "placement-group/{name}"), "placementGroupId": "pg-{hex17}"},
    ),
    "route53/zone:Zone": (
        "Z{hex20}",
        {
            "arn": _arn("route53", "hostedzone/{id}", region="", account=""),
            "zoneId": "{id}",
            "primaryNameServer": "ns-{digits3}.awsdns-00.com",
            "nameServers": [
                "ns-{digits3}.awsdns-00.com",
                "ns-{digits3.b}.awsdns-01.net",
                "ns-{digits3.c}.awsdns-02.org",
            ],
            "comment": "Managed by Pulumi",
        },
    ),
    "route53/record:Record": ("{in.zoneId}_{in.name}_{in.type}", {"fqdn": "{in.name}"}),
    "acm/certificate:Certificate": _by_arn(
        _arn("acm", "certificate/{uuid}"), status="PENDING_VALIDATION", type="AMAZON_ISSUED"
    ),
    "acm/certificateValidation:CertificateValidation": ("{in.certificateArn}", {}),
    "lb/loadBalancer:LoadBalancer": _by_arn(
        _arn("elasticloadbalancing", "loadbalancer/app/{name}/{hex16}"),
        arnSuffix="app/{name}/{hex16}",
        dnsName="{name}-{digits10}.{region}.elb.amazonaws.com",
        zoneId="Z{hex13.zone}",
        vpcId="vpc-{hex17.vpc}",
    ),
    "lb/targetGroup:TargetGroup": _by_arn(
        _arn("elasticloadbalancing", "targetgroup/{name}/{hex16}"), arnSuffix="targetgroup/{name}/{hex16}"
    ),
    "lb/listener:Listener": _by_arn("{in.loadBalancerArn}/{hex16}"),
    "wafv2/webAcl:WebAcl": ("{uuid}", {"arn": _arn("wafv2", "regional/webacl/{name}/{id}"), "capacity": 100}),
}

_COMPUTE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "eks/cluster:Cluster": _named(
        "eks",
        "cluster/{name}",
        endpoint="https://{hex32}.gr7.{region}.eks.amazonaws.com",
        certificateAuthority={"data": "{certificate}"},
        identities=[{"oidcs": [{"issuer": "https://oidc.eks.{region}.amazonaws.com/id/{HEX32}"}]}],
        createdAt=_TIME,
        status="ACTIVE",
        platformVersion="eks.1",
        version="1.33",
        **{
            "vpcConfig.clusterSecurityGroupId": "sg-{hex17.cluster}",
            "vpcConfig.vpcId": "vpc-{hex17.vpc}",
            "vpcConfig.endpointPublicAccess": True,
            "vpcConfig.publicAccessCidrs": ["0.0.0.0/0"],
            "kubernetesNetworkConfig.serviceIpv4Cidr": "172.20.0.0/16",
            "kubernetesNetworkConfig.ipFamily": "ipv4",
            "accessConfig.authenticationMode": "API_AND_CONFIG_MAP",
            "upgradePolicy.supportType": "EXTENDED",
        },
    ),
    "eks/nodeGroup:NodeGroup": (
        "{in.clusterName}:{name}",
        {
            "arn": _arn("eks", "nodegroup/{in.clusterName}/{name}/{uuid}"),
            "resources": [{"autoscalingGroups": [{"name": "eks-{name}-{uuid}"}], "remoteAccessSecurityGroupId": ""}],
            "status": "ACTIVE",
            "amiType": "AL2023_x86_64_STANDARD",
            "capacityType": "ON_DEMAND",
            "version": "1.33",
        },
    ),
    "eks/addon:Addon": (
        "{in.clusterName}:{in.addonName}",
        {
            "arn": _arn("eks", "addon/{in.clusterName}/{in.addonName}/{uuid}"),
            "addonVersion": "v1.0.0-eksbuild.1",
            "createdAt": _TIME,
            "modifiedAt": _TIME,
        },
    ),
    "eks/accessEntry:AccessEntry": (
        "{in.clusterName}:{in.principalArn}",
        {
            "accessEntryArn": _arn("eks", "access-entry/{in.clusterName}/role/{account}/{hex12}/{uuid}"),
            "createdAt": _TIME,
            "modifiedAt": _TIME,
            "userName": "{in.principalArn}",
        },
    ),
    "eks/accessPolicyAssociation:AccessPolicyAssociation": (
        "{in.clusterName}#{in.principalArn}#{in.policyArn}",
        {"associatedAt": _TIME, "modifiedAt": _TIME},
    ),
    "eks/podIdentityAssociation:PodIdentityAssociation": (
        "a-{hex16}",
        {
            "associationId": "{id}",
            "associationArn": _arn("eks", "podidentityassociation/{in.clusterName}/{id}"),
            "externalId": "",
        },
    ),
    "eks/fargateProfile:FargateProfile": (
        "{in.clusterName}:{name}",
        {"arn": _arn("eks", "fargateprofile/{name}/{uuid}"), "status": "ACTIVE"},
    ),
    "lambda/function:Function": _named(
        "lambda",
        "function:{name}",
        qualifiedArn=_arn("lambda", "function:{name}:$LATEST"),
        invokeArn=_arn("apigateway", "lambda:path/2015-03-31/functions/{out.arn}/invocations", account="lambda"),
        lastModified=_TIME,
        version="$LATEST",
    ),
    "ecr/pullThroughCacheRule:PullThroughCacheRule": ("{in.ecrRepositoryPrefix}", {"registryId": "{account}"}),
    "ecr/registryScanningConfiguration:RegistryScanningConfiguration": ("{account}", {"registryId": "{account}"}),
}

_DATA: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "rds/cluster:Cluster": _named(
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
    "rds/clusterInstance:ClusterInstance": _named(
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
            "arn": _arn("rds", "db:{name}"),
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
    "rds/subnetGroup:SubnetGroup": _named(
        "rds", "subgrp:{name}", description="Managed by Pulumi", supportedNetworkTypes=["IPV4"], vpcId="vpc-{hex17.vpc}"
    ),
    "rds/parameterGroup:ParameterGroup": _named("rds", "pg:{name}", description="Managed by Pulumi"),
    "rds/clusterParameterGroup:ClusterParameterGroup": _named(
        "rds", "cluster-pg:{name}", description="Managed by Pulumi"
    ),
    "elasticache/replicationGroup:ReplicationGroup": _named(
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
    "elasticache/serverlessCache:ServerlessCache": _named(
        "elasticache",
        "serverlesscache:{name}",
        createTime=_TIME,
        endpoints=[{"address": "{name}-{hex6}.serverless.{region_code}.cache.amazonaws.com", "port": 6379}],
        readerEndpoints=[{"address": "{name}-{hex6}.serverless.{region_code}.cache.amazonaws.com", "port": 6380}],
        fullEngineVersion="{in.majorEngineVersion|8}.0",
        status="available",
    ),
    "elasticache/subnetGroup:SubnetGroup": _named(
        "elasticache", "subnetgroup:{name}", description="Managed by Pulumi", vpcId="vpc-{hex17.vpc}"
    ),
    "elasticache/parameterGroup:ParameterGroup": _named(
        "elasticache", "parametergroup:{name}", description="Managed by Pulumi"
    ),
    "elasticache/user:User": ("{in.userId}", {"arn": _arn("elasticache", "user:{id}")}),
    "elasticache/userGroup:UserGroup": ("{in.userGroupId}", {"arn": _arn("elasticache", "usergroup:{id}")}),
    "opensearch/domain:Domain": _by_arn(
        _arn("es", "domain/{name}"),
        domainId="{account}/{name}",
        endpoint="vpc-{name}-{hex26}.{region}.es.amazonaws.com",
        dashboardEndpoint="vpc-{name}-{hex26}.{region}.es.amazonaws.com/_dashboards",
    ),
    "backup/vault:Vault": _named("backup", "backup-vault:{name}"),
    "backup/plan:Plan": ("{uuid}", {"arn": _arn("backup", "backup-plan:{id}"), "version": "{hex32.version}"}),
    "backup/selection:Selection": ("{uuid}", {}),
    "efs/fileSystem:FileSystem": (
        "fs-{hex17}",
        {
            "arn": _arn("elasticfilesystem", "file-system/{id}"),
            "dnsName": "{id}.efs.{region}.amazonaws.com",
            "ownerId": "{account}",
        },
    ),
    "cloudwatch/metricAlarm:MetricAlarm": _named("cloudwatch", "alarm:{name}"),
    "cloudwatch/dashboard:Dashboard": (
        "{in.dashboardName}",
        {"dashboardArn": _arn("cloudwatch", "dashboard/{id}", region="")},
    ),
}

_REAL: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "s3/bucket:Bucket": (
        "{name}",
        {
            "arn": _arn("s3", "{name}", region="", account=""),
            "bucketDomainName": "{name}.s3.amazonaws.com",
            "bucketRegion": "{region}",
            "bucketRegionalDomainName": "{name}.s3.{region}.amazonaws.com",
            "hostedZoneId": "Z{hex13.zone}",
        },
    ),
    "kms/key:Key": ("{uuid}", {"arn": _arn("kms", "key/{id}"), "keyId": "{id}"}),
    "kms/alias:Alias": ("{name}", {"arn": _arn("kms", "{name}"), "targetKeyArn": "{target_key_arn}"}),
    "secretsmanager/secret:Secret": _by_arn(_arn("secretsmanager", "secret:{name}-{hex6}")),
    "secretsmanager/secretVersion:SecretVersion": (
        "{in.secretId}|{uuid}",
        {"arn": "{in.secretId}", "secretArn": "{in.secretId}", "versionId": "{uuid}", "versionStages": ["AWSCURRENT"]},
    ),
    "secretsmanager/secretPolicy:SecretPolicy": ("{in.secretArn}", {}),
    "sqs/queue:Queue": (
        "https://sqs.{region}.amazonaws.com/{account}/{name}",
        {"arn": _arn("sqs", "{name}"), "url": "{id}"},
    ),
    "sqs/queuePolicy:QueuePolicy": ("{in.queueUrl}", {}),
    "sqs/redrivePolicy:RedrivePolicy": ("{in.queueUrl}", {}),
    "sqs/redriveAllowPolicy:RedriveAllowPolicy": ("{in.queueUrl}", {}),
    "sns/topic:Topic": _by_arn(_arn("sns", "{name}"), owner="{account}", beginningArchiveTime=""),
    "sns/topicPolicy:TopicPolicy": ("{in.arn}", {"owner": "{account}"}),
    "sns/topicSubscription:TopicSubscription": _by_arn("{in.topic}:{uuid}", ownerId="{account}"),
    "dynamodb/table:Table": _named(
        "dynamodb", "table/{name}", streamArn="", streamLabel="", **{"pointInTimeRecovery.recoveryPeriodInDays": 35}
    ),
    "cloudwatch/logGroup:LogGroup": _named("logs", "log-group:{name}", logGroupClass="STANDARD"),
    "cloudwatch/eventBus:EventBus": _named("events", "event-bus/{name}"),
    "cloudwatch/eventRule:EventRule": _named("events", "rule/{name}"),
    "cloudwatch/eventTarget:EventTarget": ("{in.rule}-{in.targetId}", {}),
    "iam/role:Role": (
        "{name}",
        {"arn": _arn("iam", "role{path}{name}", region=""), "createDate": _TIME, "uniqueId": "AROA{HEX17}"},
    ),
    "iam/policy:Policy": _by_arn(
        _arn("iam", "policy{path}{name}", region=""), attachmentCount=0, policyId="ANPA{HEX17}"
    ),
    "iam/rolePolicy:RolePolicy": ("{in.role}:{name}", {}),
    "iam/rolePolicyAttachment:RolePolicyAttachment": ("{in.role}/{in.policyArn}", {}),
    "iam/instanceProfile:InstanceProfile": (
        "{name}",
        {"arn": _arn("iam", "instance-profile{path}{name}", region=""), "createDate": _TIME, "uniqueId": "AIPA{HEX17}"},
    ),
    "iam/openIdConnectProvider:OpenIdConnectProvider": _by_arn(
        _arn("iam", "oidc-provider/{issuer}", region=""), thumbprintLists=["{hex40}"]
    ),
    "ecr/repository:Repository": _named(
        "ecr",
        "repository/{name}",
        registryId="{account}",
        repositoryUrl="{account}.dkr.ecr.{region}.amazonaws.com/{name}",
    ),
    "ecr/lifecyclePolicy:LifecyclePolicy": ("{in.repository}", {"registryId": "{account}"}),
    "ecr/repositoryPolicy:RepositoryPolicy": ("{in.repository}", {"registryId": "{account}"}),
    "budgets/budget:Budget": (
        "{account}:{name}",
        {"arn": _arn("budgets", "budget/{name}", region=""), "accountId": "{account}"},
    ),
    "ssm/parameter:Parameter": (
        "{name}",
        {"arn": _arn("ssm", "parameter{slash_name}"), "version": 1, "tier": "Standard", "dataType": "text"},
    ),
}

PATTERNS: Final[tuple[tuple[str, Any], ...]] = (
    (r"^region$", "{region}"),
    (r"^arn$", _arn("{service}", "{kind}/{id}")),
    (r"^(ownerId|accountId|registryId|owner)$", "{account}"),
    (r"^vpcId$", "vpc-{hex17.vpc}"),
    (r"[aA]rn$", _arn("{service}", "{kind}/{hex17}")),
    (r"(At|Date|Time)$", _TIME),
    (r"^(status|state)$", "ACTIVE"),
    (r"(^e|E)ndpoint(Address)?$", "{name}.{hex12}.{region}.amazonaws.com"),
    (r"^(dns|domain)Name$", "{name}.{region}.amazonaws.com"),
)
"""Strings that every type has in common, by the last name of their path."""

ROWS: Final[dict[str, Row]] = {
    f"aws:{token}": Row(
        id=id,
        outputs=outputs,
        immutable=(*AWS.get(token, "").split(), *AWS_ALWAYS),
        name=NAMES.get(f"aws:{token}"),
    )
    for token, (id, outputs) in {**_NETWORK, **_COMPUTE, **_DATA, **_REAL}.items()
}
for _token in AWS.keys() | {token.removeprefix("aws:") for token in NAMES}:
    ROWS.setdefault(
        f"aws:{_token}", Row(immutable=(*AWS.get(_token, "").split(), *AWS_ALWAYS), name=NAMES.get(f"aws:{_token}"))
    )
