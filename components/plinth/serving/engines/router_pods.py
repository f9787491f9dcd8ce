"""llm-d's router in front of a model's servers: a pod of the router and its proxy, and what they need.

KServe can make a router too, but only one that a gateway of the Gateway API calls; that would take an Envoy Gateway
and an Envoy AI Gateway between this platform's gateway and the model. So the router is the platform's own here, as in
llm-d's standalone mode, and the pool that it serves is the same InferencePool.
"""

import hashlib
import json
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, core, meta, networking, rbac

from plinth import naming, pods
from plinth.kinds import inference
from plinth.serving.engine import Site
from plinth.serving.engines import envoy, router
from plinth.serving.platform import ServingPlatform

COMPONENT = "model-router"
"""Value of the component label on the router's pods."""

PORT_NAME, READY_NAME, METRICS_NAME = "http", "ready", "metrics"
"""Names of the ports of the proxy, of its readiness and metrics, and of the router's metrics."""

_CONFIG_FOLDER = "/etc/router"
_ENVOY_FILE, _PICKER_FILE = "envoy.json", "picker.json"
_START_SECONDS = 300
_H2C = "kubernetes.io/h2c"


@dataclass(frozen=True, slots=True)
class Images:
    """Images of the router's pod, by digest."""

    router: str
    proxy: str


def name(model: str) -> str:
    """Name of the router's objects."""
    return f"{model}-router"


def selector(model: str) -> dict[str, str]:
    """Labels of the router's pods."""
    return pods.selector(COMPONENT, name(model))


@dataclass(frozen=True)
class Router:
    """The router of one model."""

    model: str
    port: int
    """Port of the servers, and of the Service in front of the router."""
    servers: dict[str, str]
    """Labels of the servers' pods."""
    images: Images
    prefix_caching: bool

    def render(self, site: Site) -> core.v1.Service:
        """Make everything; gives the Service that the gateway calls."""
        account = self._account(site)
        config = self._config(site)
        pool = inference.InferencePool(
            selector=inference.LabelSelector(match_labels=self.servers),
            target_ports=[inference.Port(number=self.port)],
            endpoint_picker_ref=inference.EndpointPicker(
                name=self.model, port=inference.Port(number=envoy.PICKER_PORT)
            ),
        ).register(
            f"{site.name}-pool",
            name=self.model,
            namespace=site.platform.namespace,
            labels=pods.labels(COMPONENT, name(self.model)),
            opts=site.component.options(pulumi.CustomResource, depends_on=list(site.after)),
        )
        deployment = self._deployment(site, config, [*account, pool])
        self._wall(site)
        return core.v1.Service(
            f"{site.name}-service",
            metadata=site.metadata,
            spec=core.v1.ServiceSpecArgs(
                selector=selector(self.model),
                ports=[
                    core.v1.ServicePortArgs(name=PORT_NAME, port=self.port, target_port=PORT_NAME),
                    core.v1.ServicePortArgs(
                        name="picker", port=envoy.PICKER_PORT, target_port=envoy.PICKER_PORT, app_protocol=_H2C
                    ),
                ],
            ),
            opts=site.component.options(core.v1.Service, depends_on=[deployment]),
        )

    def _metadata(self, site: Site, annotations: dict[str, str] | None = None) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=name(self.model),
            namespace=site.platform.namespace,
            labels=pods.labels(COMPONENT, name(self.model)),
            annotations=annotations,
        )

    def _texts(self, longest_request_seconds: int) -> dict[str, str]:
        configs = {
            _ENVOY_FILE: envoy.bootstrap(self.port, longest_request_seconds),
            _PICKER_FILE: router.picker_config(prefix_caching=self.prefix_caching),
        }
        return {file: json.dumps(config, indent=2) for file, config in configs.items()}

    def _config(self, site: Site) -> core.v1.ConfigMap:
        return core.v1.ConfigMap(
            f"{site.name}-router-config",
            metadata=self._metadata(site),
            data=self._texts(site.platform.longest_request_seconds),
            opts=site.component.options(core.v1.ConfigMap),
        )

    def _account(self, site: Site) -> list[pulumi.Resource]:
        """A service account that sees the pool and its pods, and holds the lease of the leader."""
        account = core.v1.ServiceAccount(
            f"{site.name}-router-account",
            metadata=self._metadata(site),
            automount_service_account_token=False,
            opts=site.component.options(core.v1.ServiceAccount),
        )
        read = ["get", "list", "watch"]
        rules = [
            ("", ["pods"], read),
            ("inference.networking.k8s.io", ["inferencepools"], read),
            ("llm-d.ai", ["inferenceobjectives", "inferencemodelrewrites"], read),
            ("coordination.k8s.io", ["leases"], [*read, "create", "update", "patch"]),
            ("", ["events"], ["create", "patch"]),
        ]
        role = rbac.v1.Role(
            f"{site.name}-router-role",
            metadata=self._metadata(site),
            rules=[
                rbac.v1.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=verbs)
                for group, resources, verbs in rules
            ],
            opts=site.component.options(rbac.v1.Role),
        )
        binding = rbac.v1.RoleBinding(
            f"{site.name}-router-binding",
            metadata=self._metadata(site),
            role_ref=rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=name(self.model)),
            subjects=[
                rbac.v1.SubjectArgs(kind="ServiceAccount", name=name(self.model), namespace=site.platform.namespace)
            ],
            opts=site.component.options(rbac.v1.RoleBinding, depends_on=[role]),
        )
        return [account, binding]

    def _deployment(self, site: Site, config: core.v1.ConfigMap, after: list[pulumi.Resource]) -> apps.v1.Deployment:
        """One router at a time: two would not know of each other's prefixes, and a second in waiting is never ready.

        A new one is ready before the old one ends, and the old one finishes its answers.
        """
        digest = hashlib.sha256("".join(self._texts(site.platform.longest_request_seconds).values()).encode())
        return apps.v1.Deployment(
            f"{site.name}-router",
            metadata=self._metadata(site),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=meta.v1.LabelSelectorArgs(match_labels=selector(self.model)),
                strategy=apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                ),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels=pods.labels(COMPONENT, name(self.model)),
                        annotations={"plinth.dev/config": digest.hexdigest()[:16]},
                    ),
                    spec=self._pod(site.platform),
                ),
            ),
            opts=site.component.options(apps.v1.Deployment, depends_on=[config, *after]),
        )

    def _pod(self, platform: ServingPlatform) -> core.v1.PodSpecArgs:
        longest = platform.longest_request_seconds
        return core.v1.PodSpecArgs(
            service_account_name=name(self.model),
            automount_service_account_token=True,
            enable_service_links=False,
            priority_class_name=platform.priority_class,
            security_context=pods.pod_security(),
            termination_grace_period_seconds=longest + 30,
            # There is one of it: when its node is lost, another starts soon.
            tolerations=[
                core.v1.TolerationArgs(
                    key=f"node.kubernetes.io/{state}", operator="Exists", effect="NoExecute", toleration_seconds=30
                )
                for state in ("not-ready", "unreachable")
            ],
            containers=[self._router_container(longest), self._proxy_container(longest)],
            volumes=[
                core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=name(self.model))),
                pods.scratch("tmp", "1Gi"),
            ],
        )

    def _router_container(self, longest_request_seconds: int) -> core.v1.ContainerArgs:
        def probe(service: str, period: int, failures: int) -> core.v1.ProbeArgs:
            return core.v1.ProbeArgs(
                grpc=core.v1.GRPCActionArgs(port=router.HEALTH_PORT, service=service),
                period_seconds=period,
                failure_threshold=failures,
                timeout_seconds=2,
            )

        return core.v1.ContainerArgs(
            name="router",
            image=self.images.router,
            command=["/app/epp"],
            args=router.arguments(self.model, naming.SERVING_NAMESPACE, f"{_CONFIG_FOLDER}/{_PICKER_FILE}"),
            ports=[
                core.v1.ContainerPortArgs(name="grpc-health", container_port=router.HEALTH_PORT),
                core.v1.ContainerPortArgs(name=METRICS_NAME, container_port=router.METRICS_PORT),
            ],
            resources=pods.resources(cpu="500m", cpu_limit="4", memory="2Gi"),
            security_context=pods.container_security(),
            startup_probe=probe("liveness", 5, _START_SECONDS // 5),
            readiness_probe=probe("readiness", 2, 3),
            liveness_probe=probe("liveness", 10, 3),
            lifecycle=_finish(longest_request_seconds),
            volume_mounts=_mounts(),
        )

    def _proxy_container(self, longest_request_seconds: int) -> core.v1.ContainerArgs:
        return core.v1.ContainerArgs(
            name="proxy",
            image=self.images.proxy,
            command=["envoy"],
            args=[
                f"--config-path={_CONFIG_FOLDER}/{_ENVOY_FILE}",
                "--log-level=warn",
                "--concurrency=2",
            ],
            ports=[
                core.v1.ContainerPortArgs(name=PORT_NAME, container_port=self.port),
                core.v1.ContainerPortArgs(name=READY_NAME, container_port=envoy.READY_PORT),
            ],
            resources=pods.resources(cpu="500m", cpu_limit="2", memory="1Gi"),
            security_context=pods.container_security(),
            startup_probe=pods.http_probe(envoy.READY_PATH, READY_NAME, period=1, failures=60),
            readiness_probe=pods.http_probe(envoy.READY_PATH, READY_NAME, period=5, failures=2),
            liveness_probe=pods.http_probe(envoy.READY_PATH, READY_NAME, period=10, failures=3),
            lifecycle=_finish(longest_request_seconds),
            volume_mounts=_mounts(),
        )

    def _wall(self, site: Site) -> None:
        """The gateway and Prometheus get in; the servers and the API server are what it reaches."""
        gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(naming.GATEWAY))
        monitoring = pods.peer(naming.MONITORING_NAMESPACE)
        networking.v1.NetworkPolicy(
            f"{site.name}-router-wall",
            metadata=self._metadata(site),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=selector(self.model)),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    pods.allow_from([gateway], self.port),
                    pods.allow_from([monitoring], router.METRICS_PORT, envoy.READY_PORT),
                ],
                egress=[
                    pods.allow_dns(),
                    pods.allow_addresses("0.0.0.0/0", 443),
                    pods.allow_to([pods.peer(naming.SERVING_NAMESPACE, self.servers)], self.port),
                ],
            ),
            opts=site.component.options(networking.v1.NetworkPolicy),
        )


def _finish(longest_request_seconds: int) -> core.v1.LifecycleArgs:
    """Envoy breaks off every answer when it is told to end, so it is told when the longest one is done."""
    return core.v1.LifecycleArgs(
        pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=longest_request_seconds))
    )


def _mounts() -> list[core.v1.VolumeMountArgs]:
    return [
        core.v1.VolumeMountArgs(name="config", mount_path=_CONFIG_FOLDER, read_only=True),
        core.v1.VolumeMountArgs(name="tmp", mount_path=pods.TEMPORARY),
    ]
