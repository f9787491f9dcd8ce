"""Monitoring: Prometheus, dashboards and who is told when something breaks."""

from typing import Annotated

from pydantic import Field

from plinth.spec.base import Email, Model


class Monitoring(Model):
    """The kube-prometheus-stack with the platform's scrape targets, dashboard and alert rules."""

    retention_days: Annotated[int, Field(ge=1, le=400)] = 15
    """Days that metrics are kept."""

    storage_gib: Annotated[int, Field(ge=5, le=10_000)] = 50
    """Size of Prometheus's volume, in GiB."""

    scrape_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    """Seconds between two scrapes."""

    oncall_email: Email
    """Who is told by e-mail (through an SNS topic) when an alert fires."""

    gateway_error_percent: Annotated[float, Field(gt=0, le=100)] = 2
    """Share of failed gateway requests over 10 minutes above which on-call is told, in percent."""

    gateway_p95_seconds: Annotated[float, Field(gt=0, le=600)] = 20
    """95th percentile of gateway latency over 10 minutes above which on-call is told, in seconds."""
