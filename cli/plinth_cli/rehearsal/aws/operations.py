"""Bindings of CloudWatch Logs, the Parameter Store and Budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import TAG_INPUTS, Binding, Op, P, Target, removed_tags, renamed, tags


def _later(target: Target) -> bool:
    return bool(target.old)


def _tag_map(target: Target) -> Any:
    return target.tags or None


_LOG_GROUP: Mapping[str, Any] = {"logGroupName": "name"}
_LOG_GROUP_BINDING = Binding(
    "logs",
    create=Op(
        "create_log_group",
        {**_LOG_GROUP, "kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass", "tags": P(_tag_map)},
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
        Op("tag_log_group", {**_LOG_GROUP, "tags": P(_tag_map, TAG_INPUTS)}, when=lambda t: bool(t.old and t.tags)),
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
    "aws:cloudwatch/logGroup:LogGroup": _LOG_GROUP_BINDING,
    "aws:ssm/parameter:Parameter": _PARAMETER_BINDING,
    "aws:budgets/budget:Budget": _BUDGET_BINDING,
}
