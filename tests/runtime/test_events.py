"""Events over moto's EventBridge and SQS, spoken to over HTTP as the real ones are."""

import asyncio
import json
import subprocess
import sys

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from plinth_runtime.events.config import EventBridgeBus, FifoQueue, QueueSource
from plinth_runtime.events.consumer import Consumer, DeadLetters
from plinth_runtime.events.event import LARGEST_BYTES, BadEvent, Event, EventError, NotDelivered, parse
from plinth_runtime.events.publisher import MOST, Publisher, batches
from plinth_runtime.events.seen import MemorySeen, SqliteSeen

REGION = "us-east-1"


@pytest.fixture(scope="module")
def cloud():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def queue(cloud, request):
    """A FIFO queue with dead letters after two attempts: where to publish, and where to read."""
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=cloud)
    name = f"q{abs(hash(request.node.nodeid)) % 10**9}"
    dead = sqs.create_queue(QueueName=f"{name}-dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = sqs.create_queue(
        QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": redrive, "VisibilityTimeout": "1"}
    )["QueueUrl"]
    place = {"region": REGION, "endpoint_url": cloud}
    return (
        FifoQueue(queue_url=url, source="search", **place),
        QueueSource(queue_url=url, dead_letter_url=dead, visibility_seconds=1, max_attempts=2, **place),
    )


def event(number=1, subject="doc-1", **more):
    return Event(type="document.indexed", subject=subject, data={"number": number}, tenant="search", **more)


def collecting(into, fail=lambda event: False):
    async def handle(event):
        if fail(event):
            raise RuntimeError("the handler's own reason")
        into.append(event)

    return handle


async def drain(consumer, *, rounds=60):
    """Ask until nothing comes."""
    for _ in range(rounds):
        if not await consumer.once():
            await asyncio.sleep(0.05)
            if not await consumer.once():
                return


def test_what_is_published_is_handled_once_and_in_order(queue):
    publish, read = queue
    sent = [event(number, subject=f"doc-{number % 3}") for number in range(25)]

    async def act():
        await Publisher(publish).publish(*sent)
        await Publisher(publish).publish(*sent[:5])  # again, with the same ids
        got = []
        await drain(Consumer(read, collecting(got)))
        return got

    got = asyncio.run(act())
    assert sorted(one.id for one in got) == sorted(one.id for one in sent)
    for subject in {one.subject for one in sent}:
        order = [one.data["number"] for one in got if one.subject == subject]
        assert order == sorted(order)
    assert {one.source for one in got} == {"search"}


def test_through_eventbridge_a_subscriber_gets_its_types(cloud):
    events = boto3.client("events", region_name=REGION, endpoint_url=cloud)
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=cloud)
    events.create_event_bus(Name="knowledge")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    dead = sqs.create_queue(QueueName="subscriber-dead")["QueueUrl"]
    pattern = json.dumps({"source": ["search"], "detail-type": ["document.indexed"]})
    events.put_rule(Name="some", EventBusName="knowledge", EventPattern=pattern)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="some", EventBusName="knowledge", Targets=[{"Id": "1", "Arn": arn}])
    place = {"region": REGION, "endpoint_url": cloud}

    async def act():
        bus = Publisher(EventBridgeBus(bus_name="knowledge", source="search", **place))
        other = Event(type="document.deleted", subject="doc-2", data={}, tenant="search")
        wanted = event(7)
        await bus.publish(wanted, other)
        got = []
        await drain(Consumer(QueueSource(queue_url=url, dead_letter_url=dead, **place), collecting(got)))
        assert [(one.id, one.data, one.time) for one in got] == [(wanted.id, {"number": 7}, wanted.time)]

    asyncio.run(act())


def test_what_is_not_handled_comes_again_and_then_goes_aside_and_can_be_sent_back(queue):
    publish, read = queue
    bad = event(subject="bad")

    async def act():
        await Publisher(publish).publish(bad, event(subject="good"))
        got, broken = [], True
        consumer = Consumer(read, collecting(got, fail=lambda one: broken and one.subject == "bad"))
        await drain(consumer)
        assert [one.subject for one in got] == ["good"]
        letters = DeadLetters(read)
        (letter,) = await letters.read()
        assert letter.event == bad.__class__(**{**_fields(bad), "source": "search"})
        broken = False
        await letters.send_back(letter)
        await drain(consumer)
        assert [one.id for one in got][1:] == [bad.id]
        assert await letters.read() == []

    asyncio.run(act())


def _fields(event):
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def test_what_comes_after_a_failure_waits_for_its_turn(queue):
    publish, read = queue

    async def act():
        await Publisher(publish).publish(*(event(number) for number in (1, 2, 3)))
        got, failures = [], [1]  # once: the queue gives an event two attempts, and what comes after has used none
        consumer = Consumer(
            read, collecting(got, fail=lambda one: one.data["number"] == 2 and failures and bool(failures.pop()))
        )
        for _ in range(20):
            await consumer.once()
            if len(got) == 3:
                break
            await asyncio.sleep(0.2)
        assert [one.data["number"] for one in got] == [1, 2, 3]

    asyncio.run(act())


def test_a_message_that_is_no_event_goes_aside_at_once(queue, cloud):
    _, read = queue
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=cloud)

    async def act():
        sqs.send_message(QueueUrl=read.queue_url, MessageBody="{broken", MessageGroupId="a", MessageDeduplicationId="1")
        got = []
        await drain(Consumer(read, collecting(got)))
        letters = DeadLetters(read)
        (letter,) = await letters.read()
        assert (got, letter.event, letter.body) == ([], None, "{broken")
        with pytest.raises(EventError, match="drop it instead"):
            await letters.send_back(letter)
        await letters.drop(letter)

    asyncio.run(act())


def test_a_handler_that_takes_long_keeps_its_event(queue):
    publish, read = queue

    async def act():
        await Publisher(publish).publish(event())
        calls = []

        async def slow(one):
            calls.append(one.id)
            await asyncio.sleep(2.2)  # longer than the second that the queue waits

        first, second = Consumer(read, slow), Consumer(read, slow)
        working = asyncio.create_task(first.once())
        for _ in range(6):
            await asyncio.sleep(0.4)
            await second.once()
        await working
        assert len(calls) == 1

    asyncio.run(act())


def test_an_event_that_was_remembered_before_a_crash_is_not_handled_again(queue, tmp_path):
    publish, read = queue

    async def act():
        await Publisher(publish).publish(event(id="once"))
        await SqliteSeen(tmp_path / "seen.db", "search").add("once")  # as a process did that died before taking it off
        got = []
        await drain(Consumer(read, collecting(got), seen=SqliteSeen(tmp_path / "seen.db", "search")))
        assert got == []
        assert await Consumer(read, collecting(got)).once() == 0  # and it is off the queue
        assert not await SqliteSeen(tmp_path / "seen.db", "other").known("once")

    asyncio.run(act())


def test_a_consumer_stops_when_told(queue):
    _, read = queue

    async def act():
        consumer = Consumer(read.model_copy(update={"endpoint_url": "http://127.0.0.1:1"}), collecting([]))
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.3)  # it cannot reach anything, and waits to try again
        consumer.stop()
        await asyncio.wait_for(running, 10)

    asyncio.run(act())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"endpoint_url": "http://127.0.0.1:1"}, "Check the address"),
        ({"queue_url": "http://127.0.0.1/123456789012/none.fifo"}, "AWS refuses"),
    ],
)
def test_what_cannot_be_published_says_why_within_the_deadline(queue, change, says):
    endpoint = queue[0].model_copy(update={"deadline_seconds": 5, **change})
    with pytest.raises(EventError, match=says):
        asyncio.run(asyncio.wait_for(Publisher(endpoint).publish(event()), 20))


def test_a_server_that_never_answers_is_given_up():
    async def act():
        silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(30), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        endpoint = FifoQueue(
            queue_url=f"{url}/1/q.fifo", source="search", region=REGION, endpoint_url=url, deadline_seconds=1
        )
        with pytest.raises(EventError, match=r"no answer within 1 seconds|Read timeout"):
            await asyncio.wait_for(Publisher(endpoint).publish(event()), 10)
        silent.close()

    asyncio.run(act())


class Busy:
    """A bus that takes an event only after it was refused so often."""

    def __init__(self, refusals):
        self.left, self.taken = refusals, []

    def put_events(self, Entries):
        answers = []
        for entry in Entries:
            if "busy" in entry["Detail"] and self.left:
                self.left -= 1
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "busy"})
            else:
                self.taken.append(json.loads(entry["Detail"])["subject"])
                answers.append({"EventId": "1"})
        return {"Entries": answers}


def test_what_a_busy_bus_refused_is_sent_again_and_nothing_else():
    endpoint = EventBridgeBus(bus_name="b", source="search", region=REGION)
    bus = Busy(refusals=2)
    asyncio.run(Publisher(endpoint, client=bus).publish(event(subject="busy"), event(subject="free")))
    assert bus.taken == ["free", "busy"]
    with pytest.raises(NotDelivered, match=r"1 of 2 events .* ThrottlingException") as refused:
        asyncio.run(Publisher(endpoint, client=Busy(99)).publish(event(subject="busy"), event(subject="free")))
    assert [one.subject for one in refused.value.events] == ["busy"]


@given(st.lists(st.integers(0, LARGEST_BYTES), max_size=40))
def test_batches_lose_nothing_and_are_never_too_large(sizes):
    entries = [(number, "x" * size) for number, size in enumerate(sizes)]
    made = list(batches(entries))
    assert [entry for batch in made for entry in batch] == entries
    for batch in made:
        assert len(batch) <= MOST
        assert sum(len(body) for _, body in batch) <= LARGEST_BYTES


@pytest.mark.parametrize(
    ("data", "says"),
    [({"x": "y" * LARGEST_BYTES}, "at most 240"), ({"x": object()}, "JSON"), ({"x": float("nan")}, "JSON")],
)
def test_an_event_that_cannot_travel_is_refused_before_it_does(data, says):
    with pytest.raises(EventError, match=says):
        Event(type="a", subject="b", data=data, tenant="c").body("search")


@given(st.text() | st.binary())
def test_any_message_is_an_event_or_said_to_be_none(body):
    with pytest.raises(BadEvent):
        parse(body)


def test_memory_forgets_the_oldest():
    async def act():
        seen = MemorySeen(most=2)
        for id in "abc":
            await seen.add(id)
        assert [await seen.known(id) for id in "abc"] == [False, True, True]

    asyncio.run(act())


def test_a_file_that_cannot_be_used_is_said_so(tmp_path):
    with pytest.raises(EventError, match="cannot remember handled events"):
        SqliteSeen(tmp_path / "no" / "such" / "folder" / "seen.db", "search")


def test_the_types_are_light_enough_for_a_pulumi_program():
    code = "import sys, plinth_runtime.events.config; print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
