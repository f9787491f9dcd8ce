"""Properties that cannot be changed in place, by resource type, where the SDK's documentation does not say so itself.

Source: `ForceNew` / `RequiresReplace` in the schemas of hashicorp/terraform-provider-aws 6.x and
snowflakedb/terraform-provider-snowflake 2.x. The physical name of a type is immutable unless listed in a `RENAMES` set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AWS: Final[Mapping[str, str]] = {
    "accessanalyzer/analyzer:Analyzer": "analyzerName type",
    "acm/certificate:Certificate": "domainName subjectAlternativeNames validationMethod keyAlgorithm",
    "backup/selection:Selection": "planId iamRoleArn name resources notResources selectionTags conditions",
    "backup/vault:Vault": "name kmsKeyArn",
    "budgets/budget:Budget": "accountId name",
    "budgets/budgetAction:BudgetAction": "budgetName actionType",
    "cloudwatch/eventRule:EventRule": "eventBusName",
    "cloudwatch/eventTarget:EventTarget": "rule targetId eventBusName",
    "cloudwatch/logGroup:LogGroup": "logGroupClass",
    "dynamodb/table:Table": "hashKey rangeKey localSecondaryIndexes",
    "ec2/capacityReservation:CapacityReservation": (
        "availabilityZone instanceType instancePlatform tenancy ebsOptimized"
    ),
    "ec2/eip:Eip": "domain publicIpv4Pool networkBorderGroup address",
    "ec2/flowLog:FlowLog": (
        "vpcId subnetId eniId trafficType logDestination logDestinationType iamRoleArn logFormat "
        "maxAggregationInterval destinationOptions"
    ),
    "ec2/natGateway:NatGateway": "subnetId connectivityType privateIp availabilityMode vpcId",
    "ec2/networkAclRule:NetworkAclRule": (
        "networkAclId ruleNumber egress protocol ruleAction cidrBlock fromPort toPort"
    ),
    "ec2/route:Route": "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
    "ec2/routeTable:RouteTable": "vpcId",
    "ec2/routeTableAssociation:RouteTableAssociation": "subnetId gatewayId",
    "ec2/securityGroup:SecurityGroup": "vpcId description",
    "ec2/securityGroupRule:SecurityGroupRule": (
        "type securityGroupId protocol fromPort toPort cidrBlocks ipv6CidrBlocks prefixListIds self "
        "sourceSecurityGroupId"
    ),
    "ec2/subnet:Subnet": "vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn",
    "ec2/vpc:Vpc": "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
    "ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": ("vpcId cidrBlock ipv4IpamPoolId ipv4NetmaskLength"),
    "ec2/vpcEndpoint:VpcEndpoint": "vpcId serviceName vpcEndpointType serviceRegion",
    "ecr/lifecyclePolicy:LifecyclePolicy": "repository policy",
    "ecr/pullThroughCacheRule:PullThroughCacheRule": "ecrRepositoryPrefix upstreamRegistryUrl",
    "ecr/repository:Repository": "encryptionConfigurations",
    "ecr/repositoryPolicy:RepositoryPolicy": "repository",
    "efs/fileSystem:FileSystem": "creationToken encrypted kmsKeyId performanceMode availabilityZoneName",
    "efs/mountTarget:MountTarget": "fileSystemId subnetId ipAddress",
    "eks/accessEntry:AccessEntry": "clusterName principalArn type",
    "eks/accessPolicyAssociation:AccessPolicyAssociation": "clusterName principalArn policyArn accessScope",
    "eks/addon:Addon": "clusterName addonName",
    "eks/cluster:Cluster": (
        "roleArn kubernetesNetworkConfig.serviceIpv4Cidr kubernetesNetworkConfig.ipFamily "
        "bootstrapSelfManagedAddons accessConfig.bootstrapClusterCreatorAdminPermissions encryptionConfig "
        "outpostConfig"
    ),
    "eks/fargateProfile:FargateProfile": "clusterName podExecutionRoleArn selectors subnetIds",
    "eks/nodeGroup:NodeGroup": (
        "clusterName nodeRoleArn subnetIds amiType capacityType diskSize instanceTypes remoteAccess"
    ),
    "eks/podIdentityAssociation:PodIdentityAssociation": "clusterName namespace serviceAccount",
    "elasticache/globalReplicationGroup:GlobalReplicationGroup": (
        "globalReplicationGroupIdSuffix primaryReplicationGroupId"
    ),
    "elasticache/parameterGroup:ParameterGroup": "family description",
    "elasticache/replicationGroup:ReplicationGroup": (
        "replicationGroupId subnetGroupName atRestEncryptionEnabled kmsKeyId port dataTieringEnabled "
        "snapshotName snapshotArns networkType globalReplicationGroupId preferredCacheClusterAzs"
    ),
    "elasticache/serverlessCache:ServerlessCache": "engine kmsKeyId subnetIds snapshotArnsToRestores",
    "elasticache/user:User": "userId userName",
    "elasticache/userGroup:UserGroup": "userGroupId",
    "guardduty/detectorFeature:DetectorFeature": "detectorId name",
    "iam/instanceProfile:InstanceProfile": "path",
    "iam/openIdConnectProvider:OpenIdConnectProvider": "url",
    "iam/policy:Policy": "description path",
    "iam/role:Role": "path",
    "iam/rolePolicy:RolePolicy": "role",
    "iam/rolePolicyAttachment:RolePolicyAttachment": "role policyArn",
    "inspector2/enabler:Enabler": "accountIds resourceTypes",
    "kms/alias:Alias": "name",
    "kms/grant:Grant": "keyId granteePrincipal operations constraints retiringPrincipal",
    "kms/key:Key": "customerMasterKeySpec keyUsage multiRegion customKeyStoreId xksKeyId",
    "kms/keyPolicy:KeyPolicy": "keyId",
    "lambda/function:Function": "packageType",
    "lb/listener:Listener": "loadBalancerArn",
    "lb/loadBalancer:LoadBalancer": "internal loadBalancerType customerOwnedIpv4Pool",
    "lb/targetGroup:TargetGroup": "port protocol protocolVersion vpcId targetType ipAddressType",
    "opensearch/domain:Domain": "domainName vpcOptions.vpcId",
    "rds/cluster:Cluster": (
        "clusterIdentifier engine engineMode databaseName masterUsername dbSubnetGroupName "
        "storageEncrypted kmsKeyId availabilityZones port snapshotIdentifier"
    ),
    "rds/clusterInstance:ClusterInstance": "clusterIdentifier engine availabilityZone dbSubnetGroupName",
    "rds/clusterParameterGroup:ClusterParameterGroup": "family description",
    "rds/globalCluster:GlobalCluster": (
        "globalClusterIdentifier sourceDbClusterIdentifier databaseName engine storageEncrypted"
    ),
    "rds/instance:Instance": (
        "engine username dbName storageEncrypted kmsKeyId availabilityZone characterSetName snapshotIdentifier timezone"
    ),
    "rds/parameterGroup:ParameterGroup": "family description",
    "route53/record:Record": "zoneId name type setIdentifier",
    "route53/zone:Zone": "name delegationSetId",
    "s3/bucket:Bucket": "bucket bucketPrefix objectLockEnabled",
    "s3/bucketCorsConfiguration:BucketCorsConfiguration": "bucket expectedBucketOwner",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket expectedBucketOwner",
    "s3/bucketLogging:BucketLogging": "bucket expectedBucketOwner",
    "s3/bucketNotification:BucketNotification": "bucket",
    "s3/bucketObject:BucketObject": "bucket key",
    "s3/bucketObjectv2:BucketObjectv2": "bucket key",
    "s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": "bucket expectedBucketOwner",
    "s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
    "s3/bucketPolicy:BucketPolicy": "bucket",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "bucket expectedBucketOwner"
    ),
    "s3/bucketVersioning:BucketVersioning": "bucket expectedBucketOwner",
    "s3/vectorsVectorBucket:VectorsVectorBucket": "vectorBucketName encryptionConfigurations",
    "s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": "vectorBucketArn",
    "secretsmanager/secretPolicy:SecretPolicy": "secretArn",
    "secretsmanager/secretRotation:SecretRotation": "secretId",
    "secretsmanager/secretVersion:SecretVersion": "secretId secretString secretBinary",
    "sns/topic:Topic": "fifoTopic",
    "sns/topicSubscription:TopicSubscription": "topic protocol endpoint",
    "sqs/queue:Queue": "fifoQueue",
    "sqs/queuePolicy:QueuePolicy": "queueUrl",
    "sqs/redriveAllowPolicy:RedriveAllowPolicy": "queueUrl",
    "sqs/redrivePolicy:RedrivePolicy": "queueUrl",
    "ssm/parameter:Parameter": "name",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
}

AWS_ALWAYS: Final = ("region",)
"""Every regional type takes `region` (provider 7), and moves only by replacement."""

AWS_RENAMES: Final[frozenset[str]] = frozenset(
    {"aws:backup/plan:Plan", "aws:rds/instance:Instance", "aws:ec2/securityGroupRule:SecurityGroupRule"}
)

SNOWFLAKE: Final[Mapping[str, str]] = {
    "accountParameter:AccountParameter": "key",
    "alert:Alert": "name database schema warehouse",
    "authenticationPolicy:AuthenticationPolicy": "database schema",
    "cortexSearchService:CortexSearchService": "name database schema on attributes embeddingModel query",
    "database:Database": "isTransient",
    "databaseRole:DatabaseRole": "database",
    "dynamicTable:DynamicTable": "name query refreshMode initialize",
    "execute:Execute": "execute",
    "fileFormatCsv:FileFormatCsv": "database schema",
    "fileFormatJson:FileFormatJson": "database schema",
    "fileFormatParquet:FileFormatParquet": "database schema",
    "grantAccountRole:GrantAccountRole": "roleName parentRoleName userName",
    "grantDatabaseRole:GrantDatabaseRole": "databaseRoleName parentRoleName parentDatabaseRoleName shareName",
    "grantOwnership:GrantOwnership": "accountRoleName databaseRoleName on outboundPrivileges",
    "grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole": (
        "accountRoleName onAccount onAccountObject onSchema onSchemaObject withGrantOption"
    ),
    "grantPrivilegesToDatabaseRole:GrantPrivilegesToDatabaseRole": (
        "databaseRoleName onDatabase onSchema onSchemaObject withGrantOption"
    ),
    "maskingPolicy:MaskingPolicy": "database schema arguments returnDataType exemptOtherPolicies",
    "networkRule:NetworkRule": "name schema database type mode",
    "notificationIntegration:NotificationIntegration": "name notificationProvider",
    "pipe:Pipe": "name schema database copyStatement autoIngest awsSnsTopicArn",
    "resourceMonitor:ResourceMonitor": "name",
    "rowAccessPolicy:RowAccessPolicy": "database schema arguments",
    "schema:Schema": "database isTransient",
    "semanticView:SemanticView": "tables relationships facts dimensions metrics",
    "stage:Stage": "database schema name",
    "stageExternalS3:StageExternalS3": "database schema",
    "storageIntegration:StorageIntegration": "type",
    "storageIntegrationAws:StorageIntegrationAws": "name storageProvider",
    "streamOnTable:StreamOnTable": "name schema database",
    "table:Table": "database schema",
    "tag:Tag": "database schema",
    "tagAssociation:TagAssociation": "objectType tagId",
    "task:Task": "database schema name",
    "userAuthenticationPolicyAttachment:UserAuthenticationPolicyAttachment": "userName",
}

SNOWFLAKE_RENAMES: Final[frozenset[str]] = frozenset(
    f"snowflake:index/{name}"
    for name in (
        "accountRole:AccountRole",
        "authenticationPolicy:AuthenticationPolicy",
        "database:Database",
        "databaseRole:DatabaseRole",
        "fileFormatCsv:FileFormatCsv",
        "fileFormatJson:FileFormatJson",
        "fileFormatParquet:FileFormatParquet",
        "maskingPolicy:MaskingPolicy",
        "networkPolicy:NetworkPolicy",
        "passwordPolicy:PasswordPolicy",
        "rowAccessPolicy:RowAccessPolicy",
        "schema:Schema",
        "serviceUser:ServiceUser",
        "sessionPolicy:SessionPolicy",
        "stageExternalS3:StageExternalS3",
        "table:Table",
        "tag:Tag",
        "user:User",
        "warehouse:Warehouse",
    )
)
