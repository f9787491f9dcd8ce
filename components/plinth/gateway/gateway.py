"""The gateway: one OpenAI-compatible address in front of every model."""

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes import apps, core, meta, networking, policy

from plinth import addresses, naming, pods
from plinth.base import Component
from plinth.gateway import hosted, plan
from plinth.gateway.keys import tenant_keys
from plinth.gateway.outside import Outside, egress
from plinth.kinds.external_secrets import (
    EntrySource,
    ExternalSecret,
    Find,
    FindName,
    RegexpRewrite,
    Rewrite,
    StoreRef,
    Target,
)
from plinth.security.identity import WorkloadIdentity
from plinth.security.secrets import RemoteSecret, SecretCopies, SecretsBridge, external_secret
from plinth.spec.environment import Environment
from plinth.spec.gateway import Gateway as GatewaySection
from plinth_runtime import names
from plinth_runtime.config import RuntimeConfig

API, METRICS = "http", "metrics"
"""Names of the gateway's ports."""

_CONFIG, _KEYS, _ROUTES, _TEMPORARY = "config", "keys", "tenant-routes", "tmp"
_CONFIG_MAP, _KEYS_SECRET, _ROUTES_SECRET = "gateway-config", "gateway-keys", "gateway-tenant-routes"


class Gateway(Component):
    """The gateway's configuration, keys, pods, service and walls."""

    service_name: pulumi.Output[str]
    """Name of the Service; known once it exists."""

    keys_written: pulumi.Output[str]
    """Known once the keys are in Secrets Manager, in every region that has them."""

    def __init__(
        self,
        name: str,
        section: GatewaySection,
        *,
        environment: Environment,
        config: RuntimeConfig,
        outside: Outside,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        priority_class: pulumi.Input[str],
        bridge: SecretsBridge,
        secrets_key_arn: pulumi.Input[str],
        entry_cidr: str | None = None,
        copies: SecretCopies | None = None,
        copied: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Gateway", name, section, environment=environment, opts=opts)
        self._name, self._section, self._config, self._outside = name, section, config, outside
        self._namespace, self._priority_class, self._bridge = namespace, priority_class, bridge
        self._labels = pods.labels(addresses.GATEWAY, addresses.GATEWAY)
        self._selector = pods.selector(addresses.GATEWAY, addresses.GATEWAY)
        self._entry_cidr = entry_cidr
        rendered = self._rendered()

        config_map = core.v1.ConfigMap(
            f"{name}-config",
            metadata=self._metadata(_CONFIG_MAP),
            data={plan.CONFIG_FILE: rendered},
            opts=self.options(core.v1.ConfigMap),
        )
        tenants = [tenant.name for tenant in config.tenants]
        self.keys_written = copied or tenant_keys(
            self, name, tenants, environment=environment, key_arn=secrets_key_arn, copies=copies
        )
        mounted = [self._keys(naming.gateway_keys_secret(environment), self.keys_written)]
        mounted += [self._credentials(backend, entries) for backend, entries in outside.mounts.items()]
        mounted.append(self._tenant_routes())
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        self._deployment(
            plan.checksum(config), depends_on=[config_map, account, *mounted, *self._identity(cluster_name)]
        )
        self._disruption_budget()
        self._wall(tenants)
        service = core.v1.Service(
            f"{name}-service",
            metadata=self._metadata(),
            spec=core.v1.ServiceSpecArgs(
                selector=self._selector,
                ports=[core.v1.ServicePortArgs(name=API, port=config.gateway.port, target_port=API)],
            ),
            opts=self.options(core.v1.Service),
        )
        self.service_name = service.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"serviceName": self.service_name})

    def _metadata(self, name: str = addresses.GATEWAY) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=self._labels)

    def _keys(self, secret: str, written: pulumi.Output[str]) -> pulumi.Resource:
        """The hashes of the keys; `written` is known once they are in Secrets Manager."""
        source = pulumi.Output.all(secret, written).apply(lambda parts: str(parts[0]))
        return self._external(f"{self._name}-keys", _KEYS_SECRET, {plan.KEYS_FILE: RemoteSecret(source)})

    def _rendered(self) -> str | pulumi.Output[str]:
        """The configuration; known at once, unless AWS has to assign something to it."""
        if self._outside.assigned is None:
            return plan.render(self._config)
        return self._outside.assigned.apply(lambda assigned: plan.render(plan.assign(self._config, assigned)))

    def _identity(self, cluster_name: pulumi.Input[str]) -> list[pulumi.Resource]:
        """The gateway's identity in AWS, where models are called with it."""
        if not self._outside.policies:
            return []
        return [
            WorkloadIdentity(
                f"{self._name}-identity",
                environment=self._environment,
                cluster_name=cluster_name,
                namespace=self._namespace,
                service_account=addresses.GATEWAY,
                policies=self._outside.policies,
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]

    def _credentials(self, backend: str, entries: Mapping[str, RemoteSecret]) -> pulumi.Resource:
        """What a provider knows the gateway by."""
        return self._external(f"{self._name}-provider-{backend}", _provider(backend), entries)

    def _external(self, name: str, target: str, entries: Mapping[str, RemoteSecret]) -> pulumi.Resource:
        return external_secret(
            name,
            namespace=self._namespace,
            target=target,
            entries=entries,
            store_name=self._bridge.store_name,
            opts=self.options(k8s.apiextensions.CustomResource),
        )

    def _tenant_routes(self) -> pulumi.Resource:
        """The routes that tenants' own stacks keep in their folders, as one file each.

        They are no secrets. Secrets Manager is where a team may write by the prefix of a name, where External
        Secrets reads anyway, and so what gives the gateway routes without access to AWS or to other namespaces.
        """
        search = plan.route_search(self._environment)
        finding = aws.iam.RolePolicy(
            f"{self._name}-find-routes",
            role=self._bridge.role_name,
            policy=json.dumps(plan.find_secrets_policy(self._environment.region)),
            opts=self.options(aws.iam.RolePolicy),
        )
        found = EntrySource(
            find=Find(path=search.path, name=FindName(regexp=search.pattern)),
            rewrite=[Rewrite(regexp=RegexpRewrite(source=search.pattern, target=search.file_name))],
        )
        return ExternalSecret(
            refresh_interval="1m",
            secret_store_ref=StoreRef(name=self._bridge.store_name),
            # Without any route there is no Secret, which the mount allows.
            target=Target(name=_ROUTES_SECRET, deletion_policy="Delete"),
            data_from=[found],
        ).register(
            f"{self._name}-tenant-routes",
            name=_ROUTES_SECRET,
            namespace=self._namespace,
            labels=self._labels,
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[finding]),
        )

    def _deployment(self, config_checksum: str, *, depends_on: list[pulumi.Resource]) -> None:
        settings = self._config.gateway
        apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=self._section.replicas,
                selector=meta.v1.LabelSelectorArgs(match_labels=self._selector),
                strategy=apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                ),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels={**self._labels, naming.RUNTIME_LABEL: "true"},
                        annotations={"plinth.dev/config-checksum": config_checksum},
                    ),
                    spec=core.v1.PodSpecArgs(
                        service_account_name=addresses.GATEWAY,
                        automount_service_account_token=False,
                        enable_service_links=False,
                        priority_class_name=self._priority_class,
                        tolerations=[pods.toleration(wanted) for wanted in pods.SYSTEM_TOLERATIONS],
                        security_context=pods.pod_security(),
                        termination_grace_period_seconds=int(settings.drain_seconds) + 15,
                        topology_spread_constraints=[
                            pods.spread(self._selector, zone=True),
                            pods.spread(self._selector, zone=False),
                        ],
                        containers=[self._container()],
                        volumes=self._volumes(),
                    ),
                ),
            ),
            opts=self.options(apps.v1.Deployment, depends_on=depends_on),
        )

    def _container(self) -> core.v1.ContainerArgs:
        settings = self._config.gateway
        probes = settings.metrics_port or settings.port
        container_ports = [core.v1.ContainerPortArgs(name=API, container_port=settings.port)]
        if settings.metrics_port:
            container_ports.append(core.v1.ContainerPortArgs(name=METRICS, container_port=settings.metrics_port))
        return core.v1.ContainerArgs(
            name="gateway",
            image=self._section.image,
            command=["plinth-runtime", "gateway"],
            args=["--config", f"{plan.CONFIG_FOLDER}/{plan.CONFIG_FILE}"],
            ports=container_ports,
            resources=pods.resources(cpu="500m", cpu_limit="2", memory="512Mi"),
            security_context=pods.container_security(),
            startup_probe=pods.http_probe(names.HEALTH_PATH, probes, period=1, failures=30),
            readiness_probe=pods.http_probe(names.READY_PATH, probes, period=3, failures=2),
            liveness_probe=pods.http_probe(names.HEALTH_PATH, probes, period=10, failures=3),
            # Services stop sending to a pod some seconds after it begins to end.
            lifecycle=core.v1.LifecycleArgs(
                pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=5))
            ),
            volume_mounts=[
                _mount(_CONFIG, plan.CONFIG_FOLDER),
                _mount(_KEYS, plan.KEYS_FOLDER),
                _mount(_ROUTES, plan.TENANT_ROUTES_FOLDER),
                *(_mount(_provider(backend), hosted.folder(backend)) for backend in self._outside.mounts),
                core.v1.VolumeMountArgs(name=_TEMPORARY, mount_path=pods.TEMPORARY),
            ],
        )

    def _volumes(self) -> list[core.v1.VolumeArgs]:
        return [
            core.v1.VolumeArgs(name=_CONFIG, config_map=core.v1.ConfigMapVolumeSourceArgs(name=_CONFIG_MAP)),
            _secret_volume(_KEYS, _KEYS_SECRET),
            _secret_volume(_ROUTES, _ROUTES_SECRET, optional=True),
            *(_secret_volume(_provider(backend), _provider(backend)) for backend in self._outside.mounts),
            pods.scratch(_TEMPORARY, "256Mi"),
        ]

    def _disruption_budget(self) -> None:
        policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption",
            metadata=self._metadata(),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=meta.v1.LabelSelectorArgs(match_labels=self._selector)
            ),
            opts=self.options(policy.v1.PodDisruptionBudget),
        )

    def _wall(self, tenants: Sequence[str]) -> None:
        """Tenants reach the API, Prometheus the metrics; the gateway reaches models and hosted providers."""
        settings = self._config.gateway
        ingress = [pods.allow_from([pods.peer(naming.MONITORING_NAMESPACE)], settings.metrics_port or settings.port)]
        if tenants:
            callers = [pods.peer(naming.tenant_namespace(tenant)) for tenant in tenants]
            ingress.append(pods.allow_from(callers, settings.port))
        if self._entry_cidr:
            block = networking.v1.IPBlockArgs(cidr=self._entry_cidr)
            ingress.append(pods.allow_from([networking.v1.NetworkPolicyPeerArgs(ip_block=block)], settings.port))
        rules = [pods.allow_dns()]
        if ports := plan.serving_ports(self._config):
            rules.append(pods.allow_to([pods.peer(naming.SERVING_NAMESPACE)], *ports))
        rules += egress(self._outside)
        networking.v1.NetworkPolicy(
            f"{self._name}-wall",
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=self._selector),
                policy_types=["Ingress", "Egress"],
                ingress=ingress,
                egress=rules,
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )


def _provider(backend: str) -> str:
    """Name of the Secret and of the volume with what a provider knows the gateway by."""
    return f"provider-{backend}"


def _mount(volume: str, path: str) -> core.v1.VolumeMountArgs:
    return core.v1.VolumeMountArgs(name=volume, mount_path=path, read_only=True)


def _secret_volume(name: str, secret: str, *, optional: bool = False) -> core.v1.VolumeArgs:
    return core.v1.VolumeArgs(
        name=name, secret=core.v1.SecretVolumeSourceArgs(secret_name=secret, optional=optional, default_mode=0o440)
    )
