"""One alert rule of Prometheus. Pure."""

from dataclasses import dataclass
from typing import Literal

from plinth.kinds.prometheus import Rule

Severity = Literal["critical", "warning"]
"""critical: somebody gets up; warning: somebody looks during the day."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule of Prometheus."""

    name: str
    expression: str
    """PromQL: the alert is pending while it gives a result."""
    minutes: int
    """Minutes that it must do so before the alert fires."""
    severity: Severity
    summary: str
    """What is wrong, with Prometheus's template variables."""
    action: str
    """What to do first."""

    def rule(self) -> Rule:
        """The rule as a PrometheusRule writes it."""
        return Rule(
            alert=self.name,
            expr=self.expression,
            for_=f"{self.minutes}m",
            labels={"severity": self.severity, "team": "platform"},
            annotations={"summary": self.summary, "description": self.action},
        )
