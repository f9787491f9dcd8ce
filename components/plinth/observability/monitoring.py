"""Prometheus, Alertmanager and Grafana, with what the platform itself has to say."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pulumi_random as random

from plinth import addresses, naming, pods, versions
from plinth.base import Component
from plinth.governance import plan as governor
from plinth.kinds.base import CustomKind
from plinth.kinds.prometheus import LabelSelector, NamespaceSelector, PodMetricsEndpoint, PodMonitor
from plinth.observability import alerts, dashboard, gpu_metrics, values
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret, managed_secret
from plinth.serving import containers, revisions
from plinth.serving.engines import engine_of, monitors
from plinth.spec import PlatformSpec
from plinth.spec.environment import Environment
from plinth.spec.monitoring import Monitoring as MonitoringSection
from plinth_runtime import names


class Monitoring(Component):
    """The kube-prometheus-stack, the platform's scrape targets, alert rules and dashboard, and who is told."""

    topic_arn: pulumi.Output[str]
    """SNS topic that alerts go to."""

    release: pulumi.Resource
    """The stack: whose operator works on monitors."""

    def __init__(
        self,
        name: str,
        section: MonitoringSection,
        *,
        environment: Environment,
        spec: PlatformSpec,
        gateway_metrics_port: str,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        nodes_namespace: pulumi.Input[str],
        storage_class: pulumi.Input[str],
        bridge: SecretsBridge,
        crds: Sequence[pulumi.Resource] = (),
        data_key_arn: pulumi.Input[str],
        secrets_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Monitoring", name, section, environment=environment, opts=opts)
        self._name, self._namespace = name, namespace
        self.topic_arn = self._topic(section.oncall_email, data_key_arn)
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=values.ALERTMANAGER_ACCOUNT,
            policies={"publish": publish_policy(self.topic_arn, data_key_arn, environment.region)},
            opts=self.options(WorkloadIdentity),
        )
        password = self._grafana_password(environment, bridge, secrets_key_arn)
        chart = versions.KUBE_PROMETHEUS_STACK
        release = k8s.helm.v3.Release(
            f"{name}-stack",
            name=addresses.MONITORING,
            namespace=namespace,
            chart=chart.name,
            version=chart.version,
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=3,
            timeout=900,
            values=values.chart_values(
                section,
                environment,
                nodes_namespace=nodes_namespace,
                storage_class=storage_class,
                topic_arn=self.topic_arn,
            ),
            opts=self.options(k8s.helm.v3.Release, depends_on=[*crds, identity, password]),
        )
        self.release = release
        self._scrape("gateway", addresses.GATEWAY, naming.SYSTEM_NAMESPACE, gateway_metrics_port, release)
        self._scrape("models", containers.COMPONENT, naming.SERVING_NAMESPACE, containers.PORT_NAME, release)
        if spec.governance and any(table.measured for table in spec.governance.tables):
            self._scrape("governor", governor.APP, naming.SYSTEM_NAMESPACE, governor.METRICS, release)
        if gpu_metrics.exported(spec.gpu_pools):
            exporter = {"app.kubernetes.io/name": gpu_metrics.EXPORTER}
            self._monitor("gpus", exporter, naming.NODES_NAMESPACE, gpu_metrics.EXPORTER_PORT_NAME, release)
        for model in revisions.self_hosted(spec.models):
            for found in engine_of(model).scrapes(model):
                label = "-".join(["model", model.name, *([found.name] if found.name else [])])
                self._monitor(label, found.selector, naming.SERVING_NAMESPACE, found.port, release)
        self._custom(alerts.prometheus_rule(spec), "alerts", release)
        k8s.core.v1.ConfigMap(
            f"{name}-dashboard",
            metadata=self._metadata("plinth-dashboard", {values.DASHBOARD_LABEL: "1"}),
            data={"plinth.json": dashboard.dashboard(spec)},
            opts=self.options(k8s.core.v1.ConfigMap),
        )
        self.register_outputs({"topicArn": self.topic_arn})

    def _metadata(self, name: str, more: dict[str, str] | None = None) -> k8s.meta.v1.ObjectMetaArgs:
        labels = {**pods.labels("monitoring", name), **(more or {})}
        return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=labels)

    def _topic(self, email: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        topic = aws.sns.Topic(
            f"{self._name}-alerts",
            display_name="Plinth alerts",
            kms_master_key_id=key_arn,
            opts=self.options(aws.sns.Topic),
        )
        aws.sns.TopicSubscription(
            f"{self._name}-oncall",
            topic=topic.arn,
            protocol="email",
            endpoint=email,
            opts=self.options(aws.sns.TopicSubscription),
        )
        return topic.arn

    def _grafana_password(
        self, environment: Environment, bridge: SecretsBridge, secrets_key_arn: pulumi.Input[str]
    ) -> pulumi.Resource:
        """The password of Grafana's administrator: made here, kept in Secrets Manager, mounted by name."""
        password = random.RandomPassword(
            f"{self._name}-grafana",
            length=32,
            special=False,
            opts=self.options(random.RandomPassword),
        )
        login = {values.USER_FIELD: "admin", values.PASSWORD_FIELD: password.result}
        secret_name = f"plinth/{environment.name}/monitoring/grafana"
        written = managed_secret(
            self,
            f"{self._name}-grafana-secret",
            environment=environment,
            secret_name=secret_name,
            value=pulumi.Output.secret(pulumi.Output.json_dumps(login)),
            key_arn=secrets_key_arn,
            description="Administrator of Grafana",
        )
        source = written.apply(lambda _: secret_name)
        return external_secret(
            f"{self._name}-grafana-login",
            namespace=self._namespace,
            target=values.GRAFANA_SECRET,
            entries={field: RemoteSecret(source, field) for field in login},
            store_name=bridge.store_name,
            opts=self.options(k8s.apiextensions.CustomResource),
        )

    def _scrape(self, name: str, component: str, namespace: str, port: str, release: pulumi.Resource) -> None:
        """Scrape the pods of a component."""
        self._monitor(name, pods.selector(component), namespace, port, release)

    def _monitor(
        self, name: str, selector: Mapping[str, str], namespace: str, port: str, release: pulumi.Resource
    ) -> None:
        monitor = PodMonitor(
            namespace_selector=NamespaceSelector(match_names=[namespace]),
            selector=LabelSelector(match_labels=dict(selector)),
            pod_target_labels=[monitors.NAME_LABEL],
            pod_metrics_endpoints=[PodMetricsEndpoint(port=port, path=names.METRICS_PATH)],
        )
        self._custom(monitor, name, release)

    def _custom(self, spec: CustomKind, name: str, release: pulumi.Resource) -> None:
        """An object of a kind that the release's operator works on."""
        spec.register(
            f"{self._name}-{name}",
            name=f"plinth-{name}",
            namespace=self._namespace,
            labels=pods.labels("monitoring", f"plinth-{name}"),
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[release]),
        )


def publish_policy(topic_arn: pulumi.Input[str], key_arn: pulumi.Input[str], region: str) -> pulumi.Output[str]:
    """IAM policy: publish to one topic, and use its key through SNS only."""
    via = {"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}}
    return pulumi.Output.json_dumps(
        documents.document(
            documents.allow(["sns:Publish"], [topic_arn], sid="Publish"),
            documents.allow(["kms:Decrypt", "kms:GenerateDataKey"], [key_arn], condition=via, sid="Encrypt"),
        )
    )
