"""Amazon OpenSearch Service."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.access import client_access
from plinth.data.vectors import search_plan as plan
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.spec.environment import Environment
from plinth.spec.vectors import OpenSearchStore as OpenSearchSection
from plinth_runtime.vectors.config import AwsAuth, OpenSearchEndpoint


class OpenSearchStore(Component):
    """A domain in the VPC: encrypted, TLS only, between nodes too, with roles for IAM principals and no passwords."""

    store: BuiltStore
    """The store."""

    def __init__(
        self,
        name: str,
        section: OpenSearchSection,
        *,
        environment: Environment,
        store: str,
        admin_role_arn: pulumi.Input[str],
        platform: VectorPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("OpenSearchStore", name, section, environment=environment, opts=opts)
        self._name, self._section, self._store, self._platform = name, section, store, platform
        group_id = client_access(
            self,
            f"{name}-access",
            what="OpenSearch",
            port=plan.PORT,
            network=platform.network,
            client_security_group_id=platform.client_security_group_id,
        )
        domain = self._domain(group_id, admin_role_arn, [*self._service_role(), *self._may_log()])
        zones = len(platform.network.data_subnet_ids)
        endpoint = domain.endpoint.apply(
            lambda host: OpenSearchEndpoint(
                kind="opensearch",
                url=f"https://{host}",
                auth=AwsAuth(kind="aws", region=environment.region),
                replicas=plan.replicas(section, zones),
            )
        )
        self.store = BuiltStore(name=store, endpoint=endpoint, ready=[domain])
        self.register_outputs({"endpoint": domain.endpoint})

    def _service_role(self) -> list[pulumi.Resource]:
        """The role with which the service makes interfaces in the VPC."""
        if self._section.service_linked_role == "existing":
            return []
        return [
            aws.iam.ServiceLinkedRole(
                f"{self._name}-service-role",
                aws_service_name=plan.SERVICE,
                # The account's other domains stand on it too.
                opts=self.options(aws.iam.ServiceLinkedRole, retain_on_delete=True),
            )
        ]

    def _may_log(self) -> list[pulumi.Resource]:
        prefix = plan.log_prefix(self._environment, self._store)
        return [
            aws.cloudwatch.LogResourcePolicy(
                f"{self._name}-may-log",
                policy_name=f"plinth-{self._environment.name}-{self._store}-opensearch",
                policy_document=pulumi.Output.json_dumps(plan.write_logs(self._environment, prefix)),
                opts=self.options(aws.cloudwatch.LogResourcePolicy),
            )
        ]

    def _logs(self) -> list[aws.opensearch.DomainLogPublishingOptionArgsDict]:
        prefix = plan.log_prefix(self._environment, self._store)
        groups = {
            kind: aws.cloudwatch.LogGroup(
                f"{self._name}-{kind.lower().replace('_', '-')}",
                name=f"{prefix}{kind.lower()}",
                kms_key_id=self._platform.log_key_arn,
                retention_in_days=self._section.log_days,
                opts=self.options(aws.cloudwatch.LogGroup),
            )
            for kind in plan.LOGS
        }
        return [{"log_type": kind, "cloudwatch_log_group_arn": group.arn} for kind, group in groups.items()]

    def _domain(
        self, group_id: pulumi.Input[str], admin_role_arn: pulumi.Input[str], after: Sequence[pulumi.Resource]
    ) -> aws.opensearch.Domain:
        section, network = self._section, self._platform.network
        subnets = network.data_subnet_ids if section.nodes > 1 else network.data_subnet_ids[:1]
        cluster = plan.cluster(section, len(subnets))
        return aws.opensearch.Domain(
            f"{self._name}-domain",
            domain_name=plan.domain_name(self._environment, self._store),
            engine_version=f"OpenSearch_{section.engine_version}",
            cluster_config=aws.opensearch.DomainClusterConfigArgs(**cluster),
            ebs_options={"ebs_enabled": True, "volume_type": "gp3", "volume_size": section.disk_gib},
            vpc_options={"subnet_ids": subnets, "security_group_ids": [group_id]},
            encrypt_at_rest={"enabled": True, "kms_key_id": self._platform.data_key_arn},
            node_to_node_encryption={"enabled": True},
            domain_endpoint_options={"enforce_https": True, "tls_security_policy": plan.TLS_POLICY},
            advanced_security_options={
                "enabled": True,
                "internal_user_database_enabled": False,
                "master_user_options": {"master_user_arn": admin_role_arn},
            },
            access_policies=pulumi.Output.json_dumps(plan.own_account(self._environment, self._store)),
            auto_tune_options={
                "desired_state": "ENABLED" if plan.tunes(section) else "DISABLED",
                "use_off_peak_window": plan.tunes(section),
            },
            off_peak_window_options={
                "enabled": True,
                "off_peak_window": {"window_start_time": {"hours": 3, "minutes": 0}},
            },
            software_update_options={"auto_software_update_enabled": True},
            log_publishing_options=self._logs(),
            opts=self.options(aws.opensearch.Domain, depends_on=list(after)),
        )
