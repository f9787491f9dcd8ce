"""Buses of events, through the whole platform."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.platforms import recorded_platform
from support.worlds import document, spec

from plinth.data import streams_plan
from plinth.spec import SpecError, load_spec
from plinth.spec.streams import EventBridgeBus, FifoBus, Subscription
from plinth_runtime.events.config import EventEndpoints

QUEUE = "aws:sqs/queue:Queue"


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def policy(prod, tenant):
    return json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", f"tenant-{tenant}-data-events").inputs["policy"])


def test_every_queue_is_encrypted_and_has_dead_letters_of_its_own(prod):
    labels = [queue.label for queue in streams_plan.queues(spec("prod").streams)]
    assert labels == ["knowledge-analytics", "knowledge-search", "reviews"]
    for label in labels:
        queue, dead = (prod.one(QUEUE, f"streams-{label}-{kind}").inputs for kind in ("queue", "dead"))
        assert queue["kmsMasterKeyId"] == dead["kmsMasterKeyId"]
        assert json.loads(queue["redrivePolicy"])["maxReceiveCount"] == 5
        assert dead["messageRetentionSeconds"] == 14 * 24 * 3600
        assert queue.get("fifoQueue", False) == dead.get("fifoQueue", False) == (label == "reviews")
        statements = json.loads(
            prod.one("aws:sqs/queuePolicy:QueuePolicy", f"streams-{label}-queue-policy").inputs["policy"]
        )
        assert statements["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_bus_keeps_events_to_send_them_again(prod):
    archive = prod.one("aws:cloudwatch/eventArchive:EventArchive").inputs
    assert archive["retentionDays"] == 90 and archive["kmsKeyIdentifier"]
    rule = prod.one("aws:cloudwatch/eventRule:EventRule", "streams-knowledge-search-rule").inputs
    assert json.loads(rule["eventPattern"]) == {"source": ["search", "support"], "detail-type": ["case.closed"]}


def test_a_tenant_publishes_under_its_own_name_only(prod):
    (puts,) = [item for item in policy(prod, "search")["Statement"] if "events:PutEvents" in item["Action"]]
    assert puts["Condition"] == {"StringEquals": {"events:source": "search"}}
    assert not [item for item in policy(prod, "analytics")["Statement"] if "events:PutEvents" in item["Action"]]


def test_a_tenant_reads_its_own_queues_and_no_others(prod):
    (reads,) = [item for item in policy(prod, "analytics")["Statement"] if item.get("Sid") == "Read"]
    names = {arn.rpartition(":")[2] for arn in reads["Resource"]}
    assert names == {
        f"streams-{label}-{kind}" for label in ("knowledge-analytics", "reviews") for kind in ("queue", "dead")
    }


def test_pods_are_told_where_in_the_runtimes_own_type(prod):
    files = prod.one("kubernetes:core/v1:ConfigMap", "tenant-analytics-stores").inputs["data"]
    endpoints = EventEndpoints.model_validate_json(files["events.json"])
    assert (set(endpoints.publish), set(endpoints.consume)) == (set(), {"knowledge", "reviews"})
    files = prod.one("kubernetes:core/v1:ConfigMap", "tenant-support-stores").inputs["data"]
    endpoints = EventEndpoints.model_validate_json(files["events.json"])
    assert {name: place.kind for name, place in endpoints.publish.items()} == {
        "knowledge": "eventbridge",
        "reviews": "sqs_fifo",
    }
    assert {place.source for place in endpoints.publish.values()} == {"support"}


def test_somebody_is_told_of_dead_letters(prod):
    alarm = prod.one("aws:cloudwatch/metricAlarm:MetricAlarm", "store-watch-events-reviews-dead").inputs
    assert (alarm["threshold"], alarm["metricName"]) == (0, "ApproximateNumberOfMessagesVisible")


@pytest.mark.parametrize(
    ("bus", "path"),
    [
        ({"kind": "eventbridge", "name": "b1", "producers": ["serach"]}, r"streams\[0\].producers\[0\]"),
        ({"kind": "sqs_fifo", "name": "b1", "producers": ["search"], "consumer": "nobody"}, r"streams\[0\].consumer"),
    ],
)
def test_a_tenant_that_is_not_there_is_refused(bus, path):
    with pytest.raises(SpecError, match=path):
        load_spec({**document("prod"), "streams": [bus]})


TENANTS = st.sampled_from(["search", "support", "analytics"])
BUSES = st.lists(
    st.builds(
        EventBridgeBus,
        kind=st.just("eventbridge"),
        name=st.uuids().map(lambda value: f"b{value.hex[:8]}"),
        producers=st.lists(TENANTS, min_size=1, unique=True),
        subscriptions=st.lists(st.builds(Subscription, tenant=TENANTS), max_size=3, unique_by=lambda item: item.tenant),
    )
    | st.builds(
        FifoBus,
        kind=st.just("sqs_fifo"),
        name=st.uuids().map(lambda value: f"b{value.hex[:8]}"),
        producers=st.lists(TENANTS, min_size=1, unique=True),
        consumer=TENANTS,
    ),
    max_size=5,
    unique_by=lambda bus: bus.name,
)


@given(BUSES)
def test_every_queue_has_one_reader_and_every_reader_takes_part(buses):
    queues = streams_plan.queues(buses)
    assert len({queue.label for queue in queues}) == len(queues)
    read = [queue for tenant in ("search", "support", "analytics") for queue in streams_plan.reads(buses, tenant)]
    assert sorted(queue.label for queue in read) == sorted(queue.label for queue in queues)
    assert all(streams_plan.takes_part(buses, queue.tenant) for queue in queues)
