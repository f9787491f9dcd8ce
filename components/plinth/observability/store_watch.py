"""CloudWatch alarms of the stores, and who is told."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.observability.store_alarms import StoreAlarm
from plinth.spec.environment import Environment

PERIOD_SECONDS = 300


class StoreWatch(Component):
    """Alarms on the metrics of stores that AWS runs; they go to the topic of the platform's other alerts."""

    def __init__(
        self,
        name: str,
        alarms: Sequence[StoreAlarm],
        *,
        environment: Environment,
        topic_arn: pulumi.Input[str],
        dimensions: Mapping[str, Mapping[str, pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the alarms.

        Args:
            name: logical name.
            alarms: what is watched.
            environment: whose stores they are.
            topic_arn: who is told, when an alarm begins and when it ends.
            dimensions: how CloudWatch names each store.
            opts: as for every component.
        """
        section = {"alarms": [alarm.name for alarm in alarms]}
        super().__init__("StoreWatch", name, section, environment=environment, opts=opts)
        for alarm in alarms:
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.name}",
                alarm_description=alarm.summary,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=dict(dimensions[alarm.store]),
                statistic=alarm.statistic,
                comparison_operator="GreaterThanThreshold",
                threshold=alarm.limit,
                period=PERIOD_SECONDS,
                evaluation_periods=max(1, alarm.minutes * 60 // PERIOD_SECONDS),
                # A database that sleeps, and a queue that nobody used, report nothing.
                treat_missing_data="notBreaching",
                alarm_actions=[topic_arn],
                ok_actions=[topic_arn],
                opts=self.options(aws.cloudwatch.MetricAlarm),
            )
        self.register_outputs(section)
