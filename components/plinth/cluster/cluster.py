"""The EKS cluster."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth import naming
from plinth.base import Component
from plinth.cluster import auto_mode, plan, pod_network
from plinth.network.vpc import Network
from plinth.security import documents
from plinth.security.roles import Role, role
from plinth.spec.cluster import Cluster as ClusterSection
from plinth.spec.environment import Environment
from plinth.spec.existing_cluster import ExistingCluster
from plinth.spec.general_pools import SYSTEM_POOL

ADMIN_POLICY = "cluster-access-policy/AmazonEKSClusterAdminPolicy"


class Cluster(Component):
    """An EKS cluster: private, encrypted, API-only authentication, with add-ons and system nodes; or one that is there.

    Whoever creates it gets no hidden administrator entry: only the roles that the spec names have access.
    """

    name: pulumi.Output[str]
    """Name of the cluster; known once it exists."""

    physical_name: str
    """Name of the cluster, whether it exists or not."""

    arn: pulumi.Output[str]
    """ARN of the cluster."""

    endpoint: pulumi.Output[str]
    """Address of the Kubernetes API."""

    certificate_authority: pulumi.Output[str]
    """Certificate authority of the API, base64."""

    security_group_id: pulumi.Output[str]
    """Security group of control plane, nodes and pods."""

    node_role_arn: pulumi.Output[str]
    """ARN of the system nodes' role."""

    node_role_name: pulumi.Output[str]
    """Name of the system nodes' role."""

    kubeconfig: pulumi.Output[str]
    """Kubeconfig (JSON) that signs in with `aws eks get-token`; holds no secret."""

    version: pulumi.Output[str]
    """Kubernetes version."""

    volume_key_arn: pulumi.Output[str]
    """KMS key of node volumes."""

    pods_have_own_subnets: bool
    """Whether the first network interface of each node holds no pods, because they have subnets of their own."""

    ready: list[pulumi.Resource]
    """What must exist before a pod can run: access entries, nodes and add-ons."""

    def __init__(
        self,
        name: str,
        section: ClusterSection,
        *,
        environment: Environment,
        network: Network,
        cluster_key_arn: pulumi.Input[str],
        log_key_arn: pulumi.Input[str],
        auto_mode_nodes: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Cluster", name, section, environment=environment, opts=opts)
        self._prefix = name
        self._section = section
        self._auto = auto_mode_nodes
        self._partition = documents.partition(environment.region)
        self.volume_key_arn = pulumi.Output.from_input(cluster_key_arn)

        self.pods_have_own_subnets = bool(network.pod_subnets_by_zone)
        if section.existing:
            self._adopt(section.existing, network)
        else:
            self._make(network, log_key_arn)
        self.kubeconfig = pulumi.Output.all(self.name, self.endpoint, self.certificate_authority).apply(
            lambda parts: plan.kubeconfig(parts[0], parts[1], parts[2], environment.region)
        )
        self.register_outputs(
            {"name": self.name, "endpoint": self.endpoint, "version": self.version, "kubeconfig": self.kubeconfig}
        )

    def _make(self, network: Network, log_key_arn: pulumi.Input[str]) -> None:
        """A control plane, its system nodes, and who may reach them."""
        self.physical_name = naming.cluster_name(self._environment)
        cluster = self._control_plane(network, log_key_arn)
        self.name = cluster.name
        self.arn = cluster.arn
        self.endpoint = cluster.endpoint
        self.certificate_authority = cluster.certificate_authority.apply(lambda authority: authority.data or "")
        self.security_group_id = cluster.vpc_config.apply(lambda config: config.cluster_security_group_id or "")
        self.version = cluster.version
        self._network_plugin = self._plugin_settings(network)
        access = [*self._access(), self._private_access(network)]
        early = [self._addon(addon, depends_on=[]) for addon in plan.BEFORE_NODES]
        nodes = self._system_nodes(network, depends_on=early)
        late = [self._addon(addon, depends_on=[nodes]) for addon in plan.AFTER_NODES]
        self.ready = [*access, nodes, *early, *late]

    def _adopt(self, existing: ExistingCluster, network: Network) -> None:
        """A cluster that is there: what the spec does not say of it is looked up."""
        environment = self._environment
        self.physical_name = existing.name
        self.name = pulumi.Output.from_input(existing.name)
        owner = f"{environment.region}:{environment.account_id}"
        self.arn = pulumi.Output.from_input(f"arn:{self._partition}:eks:{owner}:cluster/{existing.name}")
        self.version = pulumi.Output.from_input(self._section.kubernetes_version)
        self.node_role_arn = pulumi.Output.from_input(existing.node_role)
        self.node_role_name = pulumi.Output.from_input(existing.node_role.rpartition("/")[2])
        given = {
            "endpoint": existing.endpoint,
            "certificate_authority": existing.certificate_authority,
            "security_group_id": existing.security_group_id,
        }
        facts = self._look_up(existing.name) if existing.is_looked_up else {}
        known = {**facts, **{key: pulumi.Output.from_input(value) for key, value in given.items() if value is not None}}
        self.endpoint, self.certificate_authority = known["endpoint"], known["certificate_authority"]
        self.security_group_id = known["security_group_id"]
        self._network_plugin = self._plugin_settings(network)
        wanted = [addon for addon in (*plan.BEFORE_NODES, *plan.AFTER_NODES) if addon.name in existing.addons]
        self.ready = [self._addon(addon, depends_on=[]) for addon in wanted]

    def _look_up(self, name: str) -> dict[str, pulumi.Output[str]]:
        found = aws.eks.get_cluster_output(name=name, opts=pulumi.InvokeOutputOptions(parent=self))
        return {
            "endpoint": found.endpoint,
            "certificate_authority": found.certificate_authorities.apply(lambda all_of_them: all_of_them[0].data),
            "security_group_id": found.vpc_config.apply(lambda config: config.cluster_security_group_id),
        }

    def _plugin_settings(self, network: Network) -> pulumi.Output[str]:
        """Settings of the network plugin, which depend on the subnets."""
        subnets = network.pod_subnets_by_zone
        return pulumi.Output.json_dumps(
            pod_network.plugin_settings(self._environment.region, subnets, self.security_group_id)
        )

    def _control_plane(self, network: Network, log_key_arn: pulumi.Input[str]) -> aws.eks.Cluster:
        control_role = self._control_role()
        use_key = aws.iam.RolePolicy(
            f"{self._prefix}-control-plane-key",
            role=control_role.name,
            policy=pulumi.Output.json_dumps(
                documents.document(
                    documents.allow(
                        ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"], [self.volume_key_arn]
                    )
                )
            ),
            opts=self.options(aws.iam.RolePolicy),
        )
        # EKS would make this group itself, without encryption and for ever.
        logs = aws.cloudwatch.LogGroup(
            f"{self._prefix}-logs",
            name=f"/aws/eks/{self.physical_name}/cluster",
            retention_in_days=self._section.log_days,
            kms_key_id=log_key_arn,
            opts=self.options(aws.cloudwatch.LogGroup),
        )
        weights: list[aws.eks.ClusterKubeSchedulerConfigNodeResourcesFitScoringStrategyResourceArgsDict] = [
            {"name": resource, "weight": weight} for resource, weight in plan.BIN_PACKING.items()
        ]
        open_to = self._section.public_access_cidrs
        return aws.eks.Cluster(
            f"{self._prefix}-eks",
            name=self.physical_name,
            version=self._section.kubernetes_version,
            role_arn=control_role.arn,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=network.control_plane_subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(open_to),
                public_access_cidrs=open_to or None,
            ),
            encryption_config={"provider": {"key_arn": self.volume_key_arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=list(plan.LOG_TYPES),
            zonal_shift_config={"enabled": True},
            upgrade_policy={"support_type": "STANDARD"},
            kube_scheduler_config={
                "node_resources_fit": {"scoring_strategy": {"type": "MostAllocated", "resources": weights}}
            },
            bootstrap_self_managed_addons=False,
            # EKS takes these three together or not at all. Amazon's own pools stay off: ours have limits.
            compute_config={"enabled": True} if self._auto else None,
            storage_config={"block_storage": {"enabled": True}} if self._auto else None,
            kubernetes_network_config={"elastic_load_balancing": {"enabled": True}} if self._auto else None,
            deletion_protection=self._environment.stage == "production",
            # All of the network: nodes need its routes to join, and Karpenter to end its nodes in a destroy.
            opts=self.options(aws.eks.Cluster, depends_on=[network, logs, use_key, *control_role.attachments]),
        )

    def _control_role(self) -> Role:
        """The role of the control plane; with Auto Mode it starts nodes, volumes and load balancers too."""
        if not self._auto:
            trust = documents.service_trust("eks.amazonaws.com")
            return self._role("control-plane", trust, ["AmazonEKSClusterPolicy"])
        made = self._role(
            "control-plane",
            auto_mode.control_plane_trust(),
            ["AmazonEKSClusterPolicy", *auto_mode.CLUSTER_POLICIES],
        )
        tags = aws.iam.RolePolicy(
            f"{self._prefix}-control-plane-tags",
            role=made.name,
            policy=pulumi.Output.json_dumps(auto_mode.tag_nodes()),
            opts=self.options(aws.iam.RolePolicy),
        )
        return Role(made.arn, made.name, [*made.attachments, tags])

    def _private_access(self, network: Network) -> pulumi.Resource:
        """The API's private endpoint answers in the whole VPC; EKS itself lets in nodes and pods only."""
        return aws.vpc.SecurityGroupIngressRule(
            f"{self._prefix}-api-from-vpc",
            security_group_id=self.security_group_id,
            description="Kubernetes API from inside the VPC",
            cidr_ipv4=network.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=self.options(aws.vpc.SecurityGroupIngressRule),
        )

    def _access(self) -> list[pulumi.Resource]:
        """Administrator access for the deployer and the roles that the spec names."""
        principals = dict.fromkeys([self._section.deployer_role, *self._section.admin_roles])
        return [self._administrator(role_arn) for role_arn in principals]

    def _administrator(self, role_arn: str) -> pulumi.Resource:
        name = f"{self._prefix}-access-{plan.principal_label(role_arn)}"
        entry = aws.eks.AccessEntry(
            name,
            cluster_name=self.name,
            principal_arn=role_arn,
            opts=self.options(aws.eks.AccessEntry),
        )
        return aws.eks.AccessPolicyAssociation(
            f"{name}-admin",
            cluster_name=self.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{self._partition}:eks::aws:{ADMIN_POLICY}",
            access_scope={"type": "cluster"},
            opts=self.options(aws.eks.AccessPolicyAssociation),
        )

    def _addon(self, addon: plan.Addon, *, depends_on: Sequence[pulumi.Resource]) -> pulumi.Resource:
        identities: list[aws.eks.AddonPodIdentityAssociationArgsDict] = []
        first = list(depends_on)
        if addon.service_account and addon.policy:
            identity = self._addon_role(addon.name, addon.service_account, addon.policy)
            identities = [{"role_arn": identity.arn, "service_account": addon.service_account}]
            first += identity.attachments
        return aws.eks.Addon(
            f"{self._prefix}-addon-{addon.name}",
            cluster_name=self.name,
            addon_name=addon.name,
            addon_version=addon.version,
            configuration_values=self._network_plugin if addon.name == pod_network.ADDON else addon.settings,
            pod_identity_associations=identities or None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=self.options(aws.eks.Addon, depends_on=first),
        )

    def _addon_role(self, addon: str, service_account: str, policy: str) -> Role:
        trust = documents.pod_identity_trust(self._environment.account_id, self.arn, "kube-system", service_account)
        return self._role(addon, trust, [policy])

    def _role(self, suffix: str, trust: documents.Document, managed_policies: Sequence[str]) -> Role:
        return role(
            self,
            f"{self._prefix}-{suffix}",
            description=f"{suffix} of {self.physical_name}",
            trust=trust,
            region=self._environment.region,
            managed_policies=managed_policies,
        )

    def _system_nodes(self, network: Network, *, depends_on: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """A small managed node group for what the cluster itself stands on; its taint keeps everything else away."""
        nodes = self._section.system_nodes
        node_role = self._role("system-nodes", documents.service_trust("ec2.amazonaws.com"), plan.NODE_POLICIES)
        self.node_role_arn = node_role.arn
        self.node_role_name = node_role.name
        tags = {**self._environment.all_tags, "Name": f"{self._environment.name}-system"}
        template = aws.ec2.LaunchTemplate(
            f"{self._prefix}-system-nodes-template",
            update_default_version=True,
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            # Bottlerocket keeps its own files on the first volume and all data on the second.
            block_device_mappings=[
                {"device_name": "/dev/xvda", "ebs": self._volume(4)},
                {"device_name": "/dev/xvdb", "ebs": self._volume(nodes.disk_gib)},
            ],
            # The provider's default tags do not reach what EC2 starts from a template.
            tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
            opts=self.options(aws.ec2.LaunchTemplate),
        )
        return aws.eks.NodeGroup(
            f"{self._prefix}-system-nodes",
            cluster_name=self.name,
            node_role_arn=node_role.arn,
            subnet_ids=network.private_subnet_ids,
            # Nodes follow the control plane to a new version only if they are told it.
            version=self.version,
            ami_type=plan.AMI_TYPES[nodes.architecture],
            instance_types=nodes.instance_types,
            labels={naming.POOL_LABEL: SYSTEM_POOL},
            taints=[{"key": naming.SYSTEM_TAINT, "value": "true", "effect": "NO_SCHEDULE"}],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            scaling_config={
                "min_size": nodes.min_size,
                "max_size": nodes.max_size,
                "desired_size": nodes.min_size,
            },
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            opts=self.options(
                aws.eks.NodeGroup,
                depends_on=[*depends_on, *node_role.attachments],
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )

    def _volume(self, size_gib: int) -> aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgsDict:
        return {
            "volume_size": size_gib,
            "volume_type": "gp3",
            "encrypted": "true",
            "kms_key_id": self.volume_key_arn,
            "delete_on_termination": "true",
        }
