"""Asking backends: in the order of the decision, again and in parallel where the route allows, until one answers."""

import asyncio
import random
from collections.abc import Callable

from plinth_runtime.config import Backend, Hold
from plinth_runtime.errors import ApiError
from plinth_runtime.gateway.conditions import MOST_COOL_SECONDS, Condition, RetryBudget
from plinth_runtime.gateway.config import DATA_CLASSES
from plinth_runtime.gateway.flow import Flow, Hit
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.holding import ASLEEP, Holding
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.routing import record
from plinth_runtime.gateway.routing.decide import Decision, State, decide
from plinth_runtime.gateway.routing.tables import Candidate
from plinth_runtime.gateway.upstream import Upstream, UpstreamError
from plinth_runtime.gateway.verdict import judge, unreachable

FIRST_PAUSE_SECONDS = 0.1
"""Longest pause before the first retry, in seconds; doubled for each further one, and varied (full jitter)."""

MOST_PAUSE_SECONDS = 5.0
"""Longest pause before a retry, in seconds."""

HALF = 0.5
"""Share of the time left that a target may take for its first byte while another one is left."""


class _Failed(Exception):
    """A target did not answer. `answer` is set where its own words may be passed on."""

    def __init__(
        self, error: ApiError | None, hit: Hit | None = None, asleep: tuple[Backend, Hold] | None = None
    ) -> None:
        super().__init__()
        self.error = error
        self.hit = hit
        self.asleep = asleep


class Attempts:
    """Finds who answers."""

    def __init__(
        self,
        upstream: Upstream,
        health: Health,
        holding: Holding,
        metrics: Metrics,
        budget: RetryBudget,
        chance: random.Random | None = None,
    ) -> None:
        self._upstream = upstream
        self._health = health
        self._holding = holding
        self._metrics = metrics
        self.budget = budget
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, protects nothing
        self._now = asyncio.get_running_loop().time

    async def first(self, flow: Flow) -> Hit:
        """Return the first good answer, or the last refusal that may be passed on as it is.

        Raises:
            ApiError: There is neither.
        """
        self.budget.request()
        retries, pause = flow.table.route.retries, FIRST_PAUSE_SECONDS
        while True:
            found = await self._round(flow)
            if isinstance(found, Hit) and found.good:
                return found
            if retries and not _final(found) and await self._again(flow, pause):
                retries, pause = retries - 1, min(pause * 2, MOST_PAUSE_SECONDS)
                continue
            if isinstance(found, Hit):
                found.condition.in_flight += 1  # until its refusal has been passed on
                return found
            raise found

    async def continuation(self, flow: Flow, body_for: Callable[[str], bytes], skip: set[int]) -> Hit | None:
        """Return a stream that goes on where another one broke off, from a target that can; None without.

        `body_for` makes the request for a model; `skip` are targets that have had their turn, and grows.
        """
        exchange = flow.exchange
        for index in self.decide(flow).order:
            candidate = flow.table.candidates[index]
            if index in skip or not candidate.target.continues or not flow.conditions[index].admits(self._now()):
                continue
            skip.add(index)
            body = body_for(exchange.tables.model(exchange.tenant or "", candidate))
            try:
                hit = await self._ask(flow, index, more=True, body=body)
            except _Failed:
                continue
            if hit.answer.streams and hit.answer.status == 200:
                return hit
            hit.condition.end()
            hit.answer.close()
        return None

    def decide(self, flow: Flow) -> Decision:
        """Decide whom to ask, and put on record why."""
        table, now = flow.table, self._now()
        draws = [self._chance.random() for _ in table.candidates]
        states = [
            State(
                self._usable(candidate, condition, now),
                condition.in_flight,
                condition.latency,
            )
            for candidate, condition in zip(table.candidates, flow.conditions, strict=True)
        ]
        made = decide(table, flow.facts, states, draws)
        tenant = flow.exchange.tenant or ""
        if flow.exchange.tables.tenants[tenant].access.sees_decisions:
            text = record.encode(record.record(table, flow.facts, states, draws, made))
            flow.exchange.decision = b"x-plinth-decision: %b\r\n" % text
        return made

    async def _round(self, flow: Flow) -> Hit | ApiError:
        """Ask every target once, waiting for one that is being started where nobody else answers."""
        until: float | None = None
        while True:
            found = await self._pass(flow)
            if not isinstance(found, tuple):
                return found
            backend, hold = found
            began = self._now()
            until = until or began + hold.seconds
            # The time for an answer is not used up by waiting for somebody to give it.
            flow.deadline.extend(86_400)
            try:
                await self._holding.wait(backend, hold, until)
            finally:
                flow.deadline.extend(self._now() - began - 86_400)

    async def _pass(self, flow: Flow) -> Hit | ApiError | tuple[Backend, Hold]:
        order = self._by_weight(flow) if self._plain(flow) else list(self.decide(flow).order)
        if not order:
            return _nobody(flow)
        asleep: tuple[Backend, Hold] | None = None
        passable: Hit | None = None
        error: ApiError | None = None
        now = self._now()
        alone = [index for index in order if flow.conditions[index].open and not flow.conditions[index].admits(now)]
        for index in alone:
            flow.exchange.failures.append(f"{flow.table.candidates[index].backend.name}:left_alone")
        waiting = [index for index in order if index not in alone] if alone else order
        # Those that failed of late are better than nothing, where others have just failed too.
        last = alone if waiting else []
        while waiting or last:
            if not waiting:
                if passable is not None or asleep is not None:
                    break
                waiting, last = last, []
            index = waiting.pop(0)
            try:
                return await self._hedged(flow, index, waiting)
            except _Failed as failed:
                asleep = asleep or failed.asleep
                passable = failed.hit or passable
                error = failed.error or error
        if asleep is not None:
            return asleep
        return passable or error or _left_alone(flow)

    def _plain(self, flow: Flow) -> bool:
        """Whether nothing but weights decides: nobody can be excluded, nothing is ranked, and nobody is told."""
        table, facts = flow.table, flow.facts
        if table.reads or table.order or facts.data_class or facts.residency is not None:
            return False
        return not flow.exchange.tables.tenants[flow.exchange.tenant or ""].access.sees_decisions

    def _by_weight(self, flow: Flow) -> list[int]:
        """Return what `decide` would for a plain request: drawn by weight, those that are not usable last."""
        candidates = flow.table.candidates
        if len(candidates) == 1:
            return [0]
        now, draw, usable = self._now(), self._chance.expovariate, self._usable
        keys = [
            (not usable(it, condition, now), draw(it.weight))
            for it, condition in zip(candidates, flow.conditions, strict=True)
        ]
        if len(keys) == 2:
            return [0, 1] if keys[0] <= keys[1] else [1, 0]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def _usable(self, candidate: Candidate, condition: Condition, now: float) -> bool:
        return condition.usable(now) and self._health.is_up(candidate.backend.name)

    async def _hedged(self, flow: Flow, index: int, waiting: list[int]) -> Hit:
        """Ask a target, and the next one too where the first takes too long; the first good answer counts.

        Raises:
            _Failed: None of them answered.
        """
        after = flow.table.route.hedge_after_seconds
        if after is None or not waiting:
            return await self._ask(flow, index, more=bool(waiting))
        asked = [asyncio.ensure_future(self._ask(flow, index, more=True))]
        winner: asyncio.Future[Hit] | None = None
        failed: _Failed | None = None
        try:
            await asyncio.wait(asked, timeout=after)
            if not asked[0].done() and self._spend("hedge"):
                asked.append(asyncio.ensure_future(self._ask(flow, waiting.pop(0), more=bool(waiting))))
            pending = set(asked)
            while pending and winner is None:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = task.exception()
                    if error is None:
                        winner = winner or task
                    elif isinstance(error, _Failed):
                        failed = error
                    else:
                        raise error
        finally:
            for task in asked:
                if task is not winner:
                    task.cancel()
                    task.add_done_callback(_discard)
        if winner is not None:
            return winner.result()
        assert failed is not None
        raise failed

    async def _ask(self, flow: Flow, index: int, *, more: bool, body: bytes | None = None) -> Hit:
        """Ask one target. Its condition counts the request until somebody calls `end`.

        Raises:
            _Failed: It gave no good answer.
        """
        candidate, condition = flow.table.candidates[index], flow.conditions[index]
        exchange, backend = flow.exchange, candidate.backend
        model = exchange.tables.model(exchange.tenant or "", candidate)
        exchange.backend, exchange.model = backend.name, model
        began = self._now()
        condition.begin(began)
        kept = False
        try:
            limit = self._limit(flow, more, began)
            try:
                sent = flow.call.body_for(model) if body is None else body
                answer = await self._upstream.send(backend.name, "POST", flow.path, flow.lines, sent, limit)
            except UpstreamError as failure:
                raise self._failure(flow, index, failure) from None
            hit = Hit(answer, index, candidate, condition, model)
            self._weigh(flow, hit, self._now() - began)
            kept = True
            return hit
        finally:
            if not kept:
                condition.end()

    def _weigh(self, flow: Flow, hit: Hit, seconds: float) -> None:
        """Judge an answer.

        Raises:
            _Failed: Another target could do better.
        """
        backend, answer = hit.candidate.backend, hit.answer
        start = answer.start
        verdict = judge(
            backend.name, answer, self._upstream.redact(backend.name, start) if answer.status >= 300 else start
        )
        now = self._now()
        if verdict is None:
            hit.condition.succeeded(now, seconds)
            return
        if verdict.blame:
            hit.condition.failed(now)
        if verdict.cool_seconds:
            hit.condition.cool(now + min(verdict.cool_seconds, MOST_COOL_SECONDS))
        self._note(flow, backend.name, verdict.reason)
        if verdict.error is not None:
            answer.close()
            raise _Failed(verdict.error)
        hit.good = False
        raise _Failed(None, hit)

    def _failure(self, flow: Flow, index: int, failure: UpstreamError) -> _Failed:
        backend = flow.table.candidates[index].backend
        held = backend.hold is not None and failure.reason in ASLEEP
        if failure.reason not in ("busy", "gone") and not held:
            flow.conditions[index].failed(self._now())
        self._note(flow, backend.name, failure.reason)
        if failure.reason in ("connect", "timeout", "tls", "credentials"):
            self._health.failed(backend.name, failure.detail)
        return _Failed(
            unreachable(backend.name, failure), asleep=(backend, backend.hold) if held and backend.hold else None
        )

    def _note(self, flow: Flow, backend: str, reason: str) -> None:
        flow.exchange.failures.append(f"{backend}:{reason}")
        self._metrics.upstream_errors.labels(backend, reason).inc()

    def _limit(self, flow: Flow, more: bool, now: float) -> float | None:
        """How long a target may take for its first byte."""
        if not more:
            return None
        return flow.table.route.first_byte_seconds or (flow.deadline.when - now) * HALF

    async def _again(self, flow: Flow, pause: float) -> bool:
        """Pause before a retry; False where there is no time or no budget for one."""
        seconds = self._chance.uniform(0, pause)
        now = self._now()
        cool = min((condition.cool_until - now for condition in flow.conditions), default=0.0)
        seconds = max(seconds, cool)
        if seconds > MOST_PAUSE_SECONDS or now + seconds >= flow.deadline.when or not self._spend("retry"):
            return False
        await asyncio.sleep(seconds)
        return True

    def _spend(self, kind: str) -> bool:
        spent = self.budget.spend(self._now())
        self._metrics.retries.labels(kind, "spent" if spent else "refused").inc()
        return spent


def _final(found: Hit | ApiError) -> bool:
    """Whether trying again would change nothing: refusals that are about the request or the gateway itself."""
    if isinstance(found, Hit):
        return found.answer.status not in (408, 425, 429)
    return found.code in ("backend_starting", "no_allowed_backend", "unsupported_by_route", "upstream_refused_key")


def _discard(task: "asyncio.Future[Hit]") -> None:
    """Let go of the loser's answer."""
    if not task.cancelled() and task.exception() is None:
        hit = task.result()
        hit.answer.close()
        hit.condition.end()


def _nobody(flow: Flow) -> ApiError:
    """Return the error for a request that no target may or can answer."""
    facts, name = flow.facts, flow.table.route.name
    if facts.features and all(
        it.features is not None and not facts.features <= it.features for it in flow.table.candidates
    ):
        missing = ", ".join(sorted(facts.features))
        return ApiError(
            400, f"No target of route '{name}' can do what is asked for: {missing}.", "unsupported_by_route"
        )
    place = f" and residency {', '.join(sorted(facts.residency)) or 'nowhere'}" if facts.residency is not None else ""
    words = f"Route '{name}' has no backend for data class {DATA_CLASSES[facts.data_class]}{place}"
    return ApiError(403, f"{words}; nothing was sent to any.", "no_allowed_backend")


def _left_alone(flow: Flow) -> ApiError:
    listed = ", ".join(f"'{it.backend.name}'" for it in flow.table.candidates)
    message = f"All backends of route '{flow.table.route.name}' have failed of late ({listed}). Try again shortly."
    return ApiError(503, message, "upstream_unavailable", retry_after=1)
