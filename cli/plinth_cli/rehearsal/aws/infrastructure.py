"""What AWS assigns to networks, load balancers and compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plinth_cli.rehearsal.aws.shapes import TIME, Assigned, arn, by_arn, ec2, named

NETWORK: Final[Mapping[str, Assigned]] = {
    "ec2/vpc:Vpc": ec2(
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
    "ec2/subnet:Subnet": ec2("subnet", "subnet", availabilityZone="{region}a", availabilityZoneId="{region_code}-az1"),
    "ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": ("vpc-cidr-assoc-{hex17}", {}),
    "ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions": (
        "{region}",
        {"awsAccountId": "{account}", "awsRegion": "{region}"},
    ),
    "ec2/routeTable:RouteTable": ec2("route-table", "rtb"),
    "ec2/route:Route": ("r-{in.routeTableId}{hex10}", {"origin": "CreateRoute", "state": "active"}),
    "ec2/routeTableAssociation:RouteTableAssociation": ("rtbassoc-{hex17}", {}),
    "ec2/internetGateway:InternetGateway": ec2("internet-gateway", "igw"),
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
            "arn": arn("ec2", "elastic-ip/{id}"),
            "domain": "vpc",
            "publicIp": "203.0.113.{digits2.public}",
            "publicDns": "ec2-203-0-113-{digits2.public}.{region}.compute.amazonaws.com",
            "networkBorderGroup": "{region}",
            "publicIpv4Pool": "amazon",
        },
    ),
    "ec2/vpcEndpoint:VpcEndpoint": ec2(
        "vpc-endpoint",
        "vpce",
        prefixListId="pl-{hex8.prefix}",
        state="available",
        dnsEntries=[
            {"dnsName": "{id}-{hex8.dns}.{in.serviceName|service}.vpce.amazonaws.com", "hostedZoneId": "Z{hex13.zone}"}
        ],
    ),
    "ec2/securityGroup:SecurityGroup": ec2("security-group", "sg", description="Managed by Pulumi"),
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": ec2("security-group", "sg", name="default"),
    "ec2/defaultNetworkAcl:DefaultNetworkAcl": ("{in.defaultNetworkAclId}", {"arn": arn("ec2", "network-acl/{id}")}),
    "ec2/defaultRouteTable:DefaultRouteTable": ("{in.defaultRouteTableId}", {"arn": arn("ec2", "route-table/{id}")}),
    "ec2/networkAcl:NetworkAcl": ec2("network-acl", "acl"),
    "ec2/securityGroupRule:SecurityGroupRule": ("sgrule-{digits10}", {"securityGroupRuleId": "sgr-{hex17}"}),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "sgr-{hex17}",
        {"arn": arn("ec2", "security-group-rule/{id}"), "securityGroupRuleId": "{id}"},
    ),
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "sgr-{hex17}",
        {"arn": arn("ec2", "security-group-rule/{id}"), "securityGroupRuleId": "{id}"},
    ),
    "ec2/flowLog:FlowLog": ("fl-{hex17}", {"arn": arn("ec2", "vpc-flow-log/{id}"), "logDestination": ""}),
    "ec2/launchTemplate:LaunchTemplate": (
        "lt-{hex17}",
        {"arn": arn("ec2", "launch-template/{id}"), "latestVersion": 1, "defaultVersion": 1},
    ),
    "ec2/capacityReservation:CapacityReservation": ec2("capacity-reservation", "cr"),
    "ec2/placementGroup:PlacementGroup": (
        "{name}",
        {"arn": arn("ec2", "placement-group/{name}"), "placementGroupId": "pg-{hex17}"},
    ),
    "route53/zone:Zone": (
        "Z{hex20}",
        {
            "arn": arn("route53", "hostedzone/{id}", region="", account=""),
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
    "acm/certificate:Certificate": by_arn(
        arn("acm", "certificate/{uuid}"), status="PENDING_VALIDATION", type="AMAZON_ISSUED"
    ),
    "acm/certificateValidation:CertificateValidation": ("{in.certificateArn}", {}),
    "lb/loadBalancer:LoadBalancer": by_arn(
        arn("elasticloadbalancing", "loadbalancer/app/{name}/{hex16}"),
        arnSuffix="app/{name}/{hex16}",
        dnsName="{name}-{digits10}.{region}.elb.amazonaws.com",
        zoneId="Z{hex13.zone}",
        vpcId="vpc-{hex17.vpc}",
    ),
    "lb/targetGroup:TargetGroup": by_arn(
        arn("elasticloadbalancing", "targetgroup/{name}/{hex16}"), arnSuffix="targetgroup/{name}/{hex16}"
    ),
    "lb/listener:Listener": by_arn("{in.loadBalancerArn}/{hex16}"),
    "wafv2/webAcl:WebAcl": ("{uuid}", {"arn": arn("wafv2", "regional/webacl/{name}/{id}"), "capacity": 100}),
}

COMPUTE: Final[Mapping[str, Assigned]] = {
    "eks/cluster:Cluster": named(
        "eks",
        "cluster/{name}",
        endpoint="https://{hex32}.gr7.{region}.eks.amazonaws.com",
        certificateAuthority={"data": "{certificate}"},
        identities=[{"oidcs": [{"issuer": "https://oidc.eks.{region}.amazonaws.com/id/{HEX32}"}]}],
        createdAt=TIME,
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
            "arn": arn("eks", "nodegroup/{in.clusterName}/{name}/{uuid}"),
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
            "arn": arn("eks", "addon/{in.clusterName}/{in.addonName}/{uuid}"),
            "addonVersion": "v1.0.0-eksbuild.1",
            "createdAt": TIME,
            "modifiedAt": TIME,
        },
    ),
    "eks/accessEntry:AccessEntry": (
        "{in.clusterName}:{in.principalArn}",
        {
            "accessEntryArn": arn("eks", "access-entry/{in.clusterName}/role/{account}/{hex12}/{uuid}"),
            "createdAt": TIME,
            "modifiedAt": TIME,
            "userName": "{in.principalArn}",
        },
    ),
    "eks/accessPolicyAssociation:AccessPolicyAssociation": (
        "{in.clusterName}#{in.principalArn}#{in.policyArn}",
        {"associatedAt": TIME, "modifiedAt": TIME},
    ),
    "eks/podIdentityAssociation:PodIdentityAssociation": (
        "a-{hex16}",
        {
            "associationId": "{id}",
            "associationArn": arn("eks", "podidentityassociation/{in.clusterName}/{id}"),
            "externalId": "",
        },
    ),
    "eks/fargateProfile:FargateProfile": (
        "{in.clusterName}:{name}",
        {"arn": arn("eks", "fargateprofile/{name}/{uuid}"), "status": "ACTIVE"},
    ),
    "lambda/function:Function": named(
        "lambda",
        "function:{name}",
        qualifiedArn=arn("lambda", "function:{name}:$LATEST"),
        invokeArn=arn("apigateway", "lambda:path/2015-03-31/functions/{out.arn}/invocations", account="lambda"),
        lastModified=TIME,
        version="$LATEST",
    ),
    "ecr/pullThroughCacheRule:PullThroughCacheRule": ("{in.ecrRepositoryPrefix}", {"registryId": "{account}"}),
    "ecr/registryScanningConfiguration:RegistryScanningConfiguration": ("{account}", {"registryId": "{account}"}),
}
