"""Bindings of SQS, SNS and EventBridge."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from plinth_cli.rehearsal.aws.binding import (
    TAG_INPUTS,
    Binding,
    Op,
    P,
    Target,
    document,
    removed_tags,
    renamed,
    retag,
    tags,
)


def _later(target: Target) -> bool:
    return bool(target.old)


def _attributes(names: Mapping[str, str]) -> P:
    """Attributes of SQS and SNS: all are strings, and those that were taken back return to nothing."""

    def make(target: Target) -> dict[str, str]:
        made: dict[str, str] = {}
        for ours, theirs in names.items():
            value = target.inputs.get(ours)
            if isinstance(value, Mapping):
                value = document(ours).make(target)
            if value is None:
                continue
            made[theirs] = str(value).lower() if isinstance(value, bool) else str(value)
        return made

    return P(make, tuple(names))


# --- SQS -------------------------------------------------------------------------------------------------------

_MUTABLE_QUEUE = {
    "delaySeconds": "DelaySeconds",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "policy": "Policy",
    "redrivePolicy": "RedrivePolicy",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
}


def _queue_tags(target: Target) -> Any:
    return target.tags or None


_queue_lock = threading.Lock()


def _set_attributes(client: Any, url: str, attributes: Mapping[str, str]) -> None:
    """Moto forgets a queue's policy when attributes are set without it, which SQS does not: so it goes along."""
    with _queue_lock:  # a policy that is set at the same time must not be missed
        now = client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
        client.set_queue_attributes(QueueUrl=url, Attributes={**now, **attributes})


def _set_queue(client: Any, target: Target) -> None:
    _set_attributes(client, target.id, _attributes(_MUTABLE_QUEUE).make(target))


_QUEUE: Mapping[str, Any] = {"QueueUrl": "id"}
_QUEUE_BINDING = Binding(
    "sqs",
    create=Op(
        "create_queue",
        {
            "QueueName": "name",
            "Attributes": _attributes({**_MUTABLE_QUEUE, "fifoQueue": "FifoQueue"}),
            "tags": P(_queue_tags),
        },
    ),
    settings=(
        Op(_set_queue, when=_later, uses=tuple(_MUTABLE_QUEUE)),
        Op(
            "untag_queue",
            {**_QUEUE, "TagKeys": P(removed_tags, TAG_INPUTS)},
            when=lambda target: bool(target.old and removed_tags(target)),
        ),
        Op(
            "tag_queue",
            {**_QUEUE, "Tags": P(_queue_tags, TAG_INPUTS)},
            when=lambda target: bool(target.old and target.tags),
        ),
    ),
    read=Op("get_queue_attributes", _QUEUE),
    delete=(Op("delete_queue", _QUEUE),),
)


def _queue_setting(attribute: str, name: str) -> Binding:
    """A type that is one attribute of a queue. An empty value takes it back."""

    def put(client: Any, target: Target) -> None:
        _set_attributes(client, target.inputs["queueUrl"], _attributes({name: attribute}).make(target))

    def clear(client: Any, target: Target) -> None:
        _set_attributes(client, target.inputs["queueUrl"], {attribute: ""})

    return Binding(
        "sqs",
        create=None,
        settings=(Op(put, uses=(name,)),),
        read=Op("get_queue_attributes", {"QueueUrl": "queueUrl"}),
        delete=(Op(clear),),
    )


# --- SNS -------------------------------------------------------------------------------------------------------

_TOPIC_ATTRIBUTES = {
    "displayName": "DisplayName",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "tracingConfig": "TracingConfig",
    "contentBasedDeduplication": "ContentBasedDeduplication",
}


def _set_topic_attributes(client: Any, target: Target) -> None:
    for name, text in _attributes(_TOPIC_ATTRIBUTES).make(target).items():
        client.set_topic_attributes(TopicArn=target.id, AttributeName=name, AttributeValue=text)


_TOPIC: Mapping[str, Any] = {"TopicArn": "id"}
_TOPIC_BINDING = Binding(
    "sns",
    create=Op(
        "create_topic",
        {"Name": "name", "Attributes": _attributes({**_TOPIC_ATTRIBUTES, "fifoTopic": "FifoTopic"}), "Tags": tags()},
        captures={"id": "TopicArn", "arn": "TopicArn"},
    ),
    settings=(
        Op(_set_topic_attributes, when=_later, uses=tuple(_TOPIC_ATTRIBUTES)),
        *retag("tag_resource", "untag_resource", {"ResourceArn": "id"}, "Tags", "TagKeys", tags()),
    ),
    read=Op("get_topic_attributes", _TOPIC),
    delete=(Op("delete_topic", _TOPIC),),
)

_SUBSCRIPTION_ATTRIBUTES = {
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "deliveryPolicy": "DeliveryPolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def _set_subscription_attributes(client: Any, target: Target) -> None:
    for name, text in _attributes(_SUBSCRIPTION_ATTRIBUTES).make(target).items():
        client.set_subscription_attributes(SubscriptionArn=target.id, AttributeName=name, AttributeValue=text)


_SUBSCRIPTION: Mapping[str, Any] = {"SubscriptionArn": "id"}
_SUBSCRIPTION_BINDING = Binding(
    "sns",
    create=Op(
        "subscribe",
        {
            "TopicArn": "topic",
            "Protocol": "protocol",
            "Endpoint": "endpoint",
            "Attributes": _attributes(_SUBSCRIPTION_ATTRIBUTES),
            "ReturnSubscriptionArn": P(lambda target: True),
        },
        captures={"id": "SubscriptionArn", "arn": "SubscriptionArn"},
    ),
    settings=(Op(_set_subscription_attributes, when=_later, uses=tuple(_SUBSCRIPTION_ATTRIBUTES)),),
    read=Op("get_subscription_attributes", _SUBSCRIPTION),
    delete=(Op("unsubscribe", _SUBSCRIPTION),),
)

_TOPIC_POLICY_BINDING = Binding(
    "sns",
    create=None,
    settings=(
        Op(
            "set_topic_attributes",
            {"TopicArn": "arn", "AttributeName": "=Policy", "AttributeValue": document("policy")},
        ),
    ),
    read=Op("get_topic_attributes", {"TopicArn": "arn"}),
)

# --- EventBridge -----------------------------------------------------------------------------------------------


def _rule_state(target: Target) -> str:
    return target.inputs.get("state") or ("DISABLED" if target.inputs.get("isEnabled") is False else "ENABLED")


_RULE_BINDING = Binding(
    "events",
    create=None,
    settings=(
        Op(
            "put_rule",
            {
                "Name": "name",
                "EventPattern": "eventPattern",
                "ScheduleExpression": "scheduleExpression",
                "Description": "description",
                "RoleArn": "roleArn",
                "EventBusName": "eventBusName",
                "State": P(_rule_state, ("state", "isEnabled")),
                "Tags": P(lambda target: None if target.old else tags().make(target), TAG_INPUTS),
            },
            captures={"arn": "RuleArn"},
        ),
        *retag(
            "tag_resource", "untag_resource", {"ResourceARN": P(lambda t: t.outputs["arn"])}, "Tags", "TagKeys", tags()
        ),
    ),
    read=Op("describe_rule", {"Name": "name", "EventBusName": "eventBusName"}),
    delete=(Op("delete_rule", {"Name": "name", "EventBusName": "eventBusName"}),),
)

_TARGET_SPELLING = {"kmsKeyId": "KMSKeyId"}


def _event_target(target: Target) -> Any:
    inputs = target.inputs
    made: dict[str, Any] = {"Id": inputs["targetId"], "Arn": inputs["arn"]}
    plain = {"roleArn": "RoleArn", "input": "Input", "inputPath": "InputPath"}
    nested = {"deadLetterConfig": "DeadLetterConfig", "retryPolicy": "RetryPolicy"}
    made |= {theirs: inputs[ours] for ours, theirs in plain.items() if inputs.get(ours) is not None}
    made |= {theirs: renamed(inputs[ours], _TARGET_SPELLING) for ours, theirs in nested.items() if inputs.get(ours)}
    transformer = inputs.get("inputTransformer")
    if transformer:
        made["InputTransformer"] = {
            "InputPathsMap": transformer.get("inputPaths") or {},
            "InputTemplate": transformer["inputTemplate"],
        }
    if inputs.get("sqsTarget"):
        made["SqsParameters"] = renamed(inputs["sqsTarget"])
    return [made]


_EVENT_TARGET: Mapping[str, Any] = {"Rule": "rule", "EventBusName": "eventBusName"}
_EVENT_TARGET_BINDING = Binding(
    "events",
    create=None,
    settings=(Op("put_targets", {**_EVENT_TARGET, "Targets": P(_event_target)}),),
    read=Op("list_targets_by_rule", _EVENT_TARGET),
    delete=(Op("remove_targets", {**_EVENT_TARGET, "Ids": P(lambda target: [target.inputs["targetId"]])}),),
    always_update=True,
)

_BUS_BINDING = Binding(
    "events",
    create=Op(
        "create_event_bus",
        {"Name": "name", "Description": "description", "Tags": tags()},
        captures={"arn": "EventBusArn"},
    ),
    settings=retag(
        "tag_resource", "untag_resource", {"ResourceARN": P(lambda t: t.outputs["arn"])}, "Tags", "TagKeys", tags()
    ),
    read=Op("describe_event_bus", {"Name": "name"}),
    delete=(Op("delete_event_bus", {"Name": "name"}),),
)

BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:sqs/queue:Queue": _QUEUE_BINDING,
    "aws:sqs/queuePolicy:QueuePolicy": _queue_setting("Policy", "policy"),
    "aws:sqs/redrivePolicy:RedrivePolicy": _queue_setting("RedrivePolicy", "redrivePolicy"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_setting("RedriveAllowPolicy", "redriveAllowPolicy"),
    "aws:sns/topic:Topic": _TOPIC_BINDING,
    "aws:sns/topicPolicy:TopicPolicy": _TOPIC_POLICY_BINDING,
    "aws:sns/topicSubscription:TopicSubscription": _SUBSCRIPTION_BINDING,
    "aws:cloudwatch/eventRule:EventRule": _RULE_BINDING,
    "aws:cloudwatch/eventTarget:EventTarget": _EVENT_TARGET_BINDING,
    "aws:cloudwatch/eventBus:EventBus": _BUS_BINDING,
}
