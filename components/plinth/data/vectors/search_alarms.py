"""CloudWatch alarms of OpenSearch domains, to whoever hears Prometheus' alerts."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.vectors import search_plan as plan
from plinth.spec.environment import Environment
from plinth.spec.vectors import OpenSearchStore


class OpenSearchAlarms(Component):
    """The alarms of every OpenSearch store of an environment."""

    def __init__(
        self,
        name: str,
        section: Mapping[str, OpenSearchStore],
        *,
        environment: Environment,
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("OpenSearchAlarms", name, {"stores": section}, environment=environment, opts=opts)
        for store, engine in section.items():
            for alarm in plan.alarms(engine):
                self._alarm(name, store, alarm, topic_arn)
        self.register_outputs({"stores": sorted(section)})

    def _alarm(self, name: str, store: str, alarm: plan.Alarm, topic_arn: pulumi.Input[str]) -> None:
        domain = plan.domain_name(self._environment, store)
        aws.cloudwatch.MetricAlarm(
            f"{name}-{store}-{alarm.label}",
            alarm_description=f"OpenSearch domain {domain}: {alarm.meaning}",
            namespace="AWS/ES",
            metric_name=alarm.metric,
            dimensions={"ClientId": self._environment.account_id, "DomainName": domain},
            statistic=alarm.statistic,
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            period=alarm.seconds,
            evaluation_periods=alarm.periods,
            # A metric that a domain of this size or version does not have is no trouble.
            treat_missing_data="notBreaching",
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            opts=self.options(aws.cloudwatch.MetricAlarm),
        )
