"""Bindings of SQS, SNS, EventBridge, CloudWatch Logs, Budgets and the Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

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


def _set_attributes(client: Any, url: str, attributes: Mapping[str, str]) -> None:
    """Moto forgets a queue's policy when attributes are set without it, which SQS does not: so it goes along."""
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

# --- CloudWatch Logs, Parameter Store, Budgets -----------------------------------------------------------------

_LOG_GROUP: Mapping[str, Any] = {"logGroupName": "name"}
_LOG_GROUP_BINDING = Binding(
    "logs",
    create=Op(
        "create_log_group",
        {**_LOG_GROUP, "kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass", "tags": P(_queue_tags)},
    ),
    settings=(
        Op(
            "put_retention_policy",
            {**_LOG_GROUP, "retentionInDays": "retentionInDays"},
            when=lambda target: bool(target.inputs.get("retentionInDays")),
        ),
        Op(
            "delete_retention_policy",
            _LOG_GROUP,
            when=lambda target: bool(target.old.get("retentionInDays")) and not target.inputs.get("retentionInDays"),
            uses=("retentionInDays",),
        ),
        Op(
            "untag_log_group",
            {**_LOG_GROUP, "tags": P(removed_tags, TAG_INPUTS)},
            when=lambda target: bool(target.old and removed_tags(target)),
        ),
        Op("tag_log_group", {**_LOG_GROUP, "tags": P(_queue_tags, TAG_INPUTS)}, when=lambda t: bool(t.old and t.tags)),
    ),
    read=Op("list_tags_log_group", _LOG_GROUP),
    delete=(Op("delete_log_group", _LOG_GROUP, when=lambda target: not target.inputs.get("skipDestroy")),),
)

_PARAMETER_BINDING = Binding(
    "ssm",
    create=Op(
        "put_parameter",
        {
            "Name": "name",
            "Value": P(lambda target: target.inputs.get("value") or target.inputs.get("insecureValue")),
            "Type": "type",
            "Description": "description",
            "KeyId": "keyId",
            "Tier": "tier",
            "Tags": tags(),
        },
        captures={"version": "Version"},
    ),
    settings=(
        Op(
            "put_parameter",
            {
                "Name": "name",
                "Value": P(
                    lambda t: t.inputs.get("value") or t.inputs.get("insecureValue"), ("value", "insecureValue")
                ),
                "Type": "type",
                "Description": "description",
                "KeyId": "keyId",
                "Overwrite": P(lambda target: True),
            },
            when=_later,
            captures={"version": "Version"},
        ),
    ),
    read=Op("get_parameter", {"Name": "name"}),
    delete=(Op("delete_parameter", {"Name": "name"}),),
)


def _budget(target: Target) -> Any:
    inputs = target.inputs
    made: dict[str, Any] = {
        "BudgetName": inputs["name"],
        "BudgetType": inputs["budgetType"],
        "TimeUnit": inputs["timeUnit"],
        "BudgetLimit": {"Amount": inputs.get("limitAmount") or "0", "Unit": inputs.get("limitUnit") or "USD"},
    }
    filters = {f["name"]: f["values"] for f in cast("list[dict[str, Any]]", inputs.get("costFilters") or [])}
    return {**made, "CostFilters": filters} if filters else made


def _notifications(target: Target) -> Any:
    made: list[dict[str, Any]] = []
    for notice in cast("list[dict[str, Any]]", target.inputs.get("notifications") or []):
        emails = [("EMAIL", text) for text in cast("list[str]", notice.get("subscriberEmailAddresses") or [])]
        topics = [("SNS", text) for text in cast("list[str]", notice.get("subscriberSnsTopicArns") or [])]
        plain = {
            name: notice[name] for name in ("notificationType", "comparisonOperator", "threshold", "thresholdType")
        }
        subscribers = [{"SubscriptionType": kind, "Address": address} for kind, address in emails + topics]
        made.append({"Notification": renamed(plain), "Subscribers": subscribers})
    return made or None


_BUDGET: Mapping[str, Any] = {"AccountId": P(lambda target: target.account), "BudgetName": "name"}


def _rebuild_budget(client: Any, target: Target) -> None:
    """A budget's limits and notifications are replaced as a whole; its name stays."""
    client.delete_budget(AccountId=target.account, BudgetName=target.inputs["name"])
    _BUDGET_CREATE.run(client, target)


_BUDGET_CREATE = Op(
    "create_budget",
    {
        "AccountId": P(lambda target: target.account),
        "Budget": P(_budget),
        "NotificationsWithSubscribers": P(_notifications),
    },
)
_BUDGET_INPUTS = ("budgetType", "timeUnit", "limitAmount", "limitUnit", "costFilters", "notifications")
_BUDGET_BINDING = Binding(
    "budgets",
    create=_BUDGET_CREATE,
    settings=(Op(_rebuild_budget, when=_later, uses=_BUDGET_INPUTS),),
    read=Op("describe_budget", _BUDGET),
    delete=(Op("delete_budget", _BUDGET),),
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
    "aws:cloudwatch/logGroup:LogGroup": _LOG_GROUP_BINDING,
    "aws:ssm/parameter:Parameter": _PARAMETER_BINDING,
    "aws:budgets/budget:Budget": _BUDGET_BINDING,
}
