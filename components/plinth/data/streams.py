"""Buses of events between tenants: Amazon EventBridge and SQS."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data import streams_plan
from plinth.data.streams_plan import Queue
from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.streams import EventBridgeBus, EventBus, FifoBus
from plinth.tenancy.store_access import StoreGrants
from plinth_runtime.events.config import EventBridgeBus as BusEndpoint
from plinth_runtime.events.config import EventEndpoints, FifoQueue, PublishEndpoint, QueueSource

DAY = 24 * 3600
READ = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]


@dataclass(frozen=True, slots=True)
class _Made:
    queue: aws.sqs.Queue
    dead: aws.sqs.Queue


class Streams(Component):
    """Buses, their queues with dead letters, and who may publish and read: encrypted with the platform's key.

    A tenant publishes under its own name as the source and under no other; IAM checks it for EventBridge. It reads its
    own queues and no others.
    """

    queue_names: dict[str, pulumi.Output[str]]
    """Name of each queue and queue of dead letters, as metrics name it, by `<label>` and `<label>-dead`."""

    def __init__(
        self,
        name: str,
        buses: Sequence[EventBus],
        *,
        environment: Environment,
        key_arn: pulumi.Input[str],
        aws_endpoint: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the buses.

        Args:
            name: logical name.
            buses: what is wanted.
            environment: whose they are.
            key_arn: KMS key, which lets EventBridge in.
            aws_endpoint: address of the laptop's stand-in for AWS.
            opts: as for every component.
        """
        super().__init__("Streams", name, {"buses": list(buses)}, environment=environment, opts=opts)
        self._prefix, self._sections, self._key_arn = name, buses, key_arn
        self._endpoint = aws_endpoint
        self._buses = {bus.name: self._bus(bus) for bus in buses if isinstance(bus, EventBridgeBus)}
        self._queues = {queue.label: self._queue(queue) for queue in streams_plan.queues(buses)}
        self.queue_names = {}
        for label, made in self._queues.items():
            self.queue_names |= {label: made.queue.name, f"{label}-dead": made.dead.name}
        self.register_outputs({"queues": self.queue_names})

    def _bus(self, section: EventBridgeBus) -> aws.cloudwatch.EventBus:
        bus = aws.cloudwatch.EventBus(
            f"{self._prefix}-{section.name}",
            name=f"plinth-{self._environment.name}-{section.name}",
            description=f"Events of {', '.join(section.producers)}",
            kms_key_identifier=self._key_arn,
            opts=self.options(aws.cloudwatch.EventBus),
        )
        if section.archive_days:
            aws.cloudwatch.EventArchive(
                f"{self._prefix}-{section.name}-archive",
                event_source_arn=bus.arn,
                retention_days=section.archive_days,
                kms_key_identifier=self._key_arn,
                opts=self.options(aws.cloudwatch.EventArchive),
            )
        return bus

    def _queue(self, plan: Queue) -> _Made:
        """A queue, its dead letters, and the rule that fills it where it belongs to a subscription."""
        name = f"{self._prefix}-{plan.label}"
        dead = aws.sqs.Queue(
            f"{name}-dead",
            fifo_queue=True if plan.fifo else None,
            message_retention_seconds=streams_plan.DEAD_LETTER_DAYS * DAY,
            kms_master_key_id=self._key_arn,
            opts=self.options(aws.sqs.Queue),
        )
        queue = aws.sqs.Queue(
            f"{name}-queue",
            fifo_queue=True if plan.fifo else None,
            # The publisher gives every event its own id.
            content_based_deduplication=False if plan.fifo else None,
            deduplication_scope="messageGroup" if plan.fifo else None,
            fifo_throughput_limit="perMessageGroupId" if plan.fifo else None,
            message_retention_seconds=plan.keep_days * DAY,
            visibility_timeout_seconds=plan.visibility_seconds,
            receive_wait_time_seconds=20,
            kms_master_key_id=self._key_arn,
            redrive_policy=dead.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": plan.max_attempts})
            ),
            opts=self.options(aws.sqs.Queue),
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-redrive",
            queue_url=dead.url,
            redrive_allow_policy=queue.arn.apply(
                lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
            ),
            opts=self.options(aws.sqs.RedriveAllowPolicy),
        )
        statements = {"queue": (queue, _tls_only(queue.arn)), "dead": (dead, _tls_only(dead.arn))}
        more: dict[str, list[documents.Statement]] = {"queue": [], "dead": []}
        if plan.pattern:
            rule = self._rule(name, plan, queue, dead)
            more = {"queue": [_sends(queue.arn, rule.arn)], "dead": [_sends(dead.arn, rule.arn)]}
        for label, (target, closed) in statements.items():
            aws.sqs.QueuePolicy(
                f"{name}-{label}-policy",
                queue_url=target.url,
                policy=pulumi.Output.json_dumps(documents.document(closed, *more[label])),
                opts=self.options(aws.sqs.QueuePolicy),
            )
        return _Made(queue, dead)

    def _rule(self, name: str, plan: Queue, queue: aws.sqs.Queue, dead: aws.sqs.Queue) -> aws.cloudwatch.EventRule:
        bus = self._buses[plan.bus]
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            event_bus_name=bus.name,
            event_pattern=plan.pattern,
            description=f"Events of {plan.bus} for {plan.tenant}",
            opts=self.options(aws.cloudwatch.EventRule),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            event_bus_name=bus.name,
            arn=queue.arn,
            # What EventBridge itself cannot deliver within a day goes where a consumer's failures go.
            dead_letter_config={"arn": dead.arn},
            retry_policy={"maximum_event_age_in_seconds": DAY, "maximum_retry_attempts": 185},
            opts=self.options(aws.cloudwatch.EventTarget),
        )
        return rule

    def grants(self, tenant: str) -> StoreGrants:
        """What a tenant's pods need to publish and read; nothing where it takes no part."""
        published = streams_plan.publishes(self._sections, tenant)
        read = streams_plan.reads(self._sections, tenant)
        if not published and not read:
            return StoreGrants()
        statements = [
            *(self._may_publish(bus, tenant) for bus in published),
            *([self._may_read(read)] if read else []),
            self._may_use_key(),
        ]
        return StoreGrants(
            policies={"events": pulumi.Output.json_dumps(documents.document(*statements))},
            endpoints={"events.json": self._endpoints(tenant, published, read)},
        )

    def _may_publish(self, bus: EventBus, tenant: str) -> documents.Statement:
        match bus:
            case EventBridgeBus():
                only = {"StringEquals": {"events:source": tenant}}
                return documents.allow(["events:PutEvents"], [self._buses[bus.name].arn], condition=only)
            case FifoBus():
                return documents.allow(["sqs:SendMessage"], [self._queues[bus.name].queue.arn])

    def _may_read(self, read: Sequence[Queue]) -> documents.Statement:
        made = [self._queues[queue.label] for queue in read]
        arns = [target.arn for item in made for target in (item.queue, item.dead)]
        return documents.allow([*READ, "sqs:SendMessage"], arns, sid="Read")

    def _may_use_key(self) -> documents.Statement:
        region = self._environment.region
        through = {"StringEquals": {"kms:ViaService": [f"{it}.{region}.amazonaws.com" for it in ("sqs", "events")]}}
        return documents.allow(["kms:Decrypt", "kms:GenerateDataKey"], [self._key_arn], condition=through, sid="Key")

    def _endpoints(self, tenant: str, published: Sequence[EventBus], read: Sequence[Queue]) -> pulumi.Output[str]:
        """Where the tenant publishes and reads, as the runtime's own type."""
        places = {
            "buses": {bus.name: self._buses[bus.name].name for bus in published if isinstance(bus, EventBridgeBus)},
            "fifos": {bus.name: self._queues[bus.name].queue.url for bus in published if isinstance(bus, FifoBus)},
            "queues": {queue.label: self._queues[queue.label].queue.url for queue in read},
            "dead": {queue.label: self._queues[queue.label].dead.url for queue in read},
        }
        region, endpoint = self._environment.region, self._endpoint

        def text(place: dict[str, dict[str, str]]) -> str:
            publish: dict[str, PublishEndpoint] = {
                bus: BusEndpoint(region=region, endpoint_url=endpoint, bus_name=name, source=tenant)
                for bus, name in place["buses"].items()
            }
            publish |= {
                bus: FifoQueue(region=region, endpoint_url=endpoint, queue_url=url, source=tenant)
                for bus, url in place["fifos"].items()
            }
            consume = {
                queue.bus: QueueSource(
                    region=region,
                    endpoint_url=endpoint,
                    queue_url=place["queues"][queue.label],
                    dead_letter_url=place["dead"][queue.label],
                    visibility_seconds=queue.visibility_seconds,
                    max_attempts=queue.max_attempts,
                )
                for queue in read
            }
            return EventEndpoints(publish=publish, consume=consume).model_dump_json(indent=2)

        resolved: pulumi.Output[Any] = pulumi.Output.from_input(places)
        return resolved.apply(text)


def _tls_only(arn: pulumi.Output[str]) -> documents.Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _sends(arn: pulumi.Output[str], rule_arn: pulumi.Output[str]) -> documents.Statement:
    """EventBridge fills a queue on behalf of one rule."""
    return {
        "Sid": "EventBridge",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
