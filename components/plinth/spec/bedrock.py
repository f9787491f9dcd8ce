"""Amazon Bedrock: guardrails and the record of its calls. Its models are in `models`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from plinth.spec.base import LogDays, Model, Name, matches

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
"""How readily a filter blocks."""

PiiType = Literal[
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
]
"""Personal and secret data that a guardrail knows (Amazon Bedrock API, `GuardrailPiiEntityConfig`)."""


class ContentFilters(Model):
    """How readily harmful content is blocked, in prompts and answers."""

    hate: Strength = "HIGH"
    """Hate."""

    insults: Strength = "HIGH"
    """Insults."""

    sexual: Strength = "HIGH"
    """Sexual content."""

    violence: Strength = "HIGH"
    """Violence."""

    misconduct: Strength = "HIGH"
    """Crime and misconduct."""

    prompt_attack: Strength = "HIGH"
    """Attempts to talk the model out of its instructions; only prompts have them."""


class DeniedTopic(Model):
    """A subject that is refused."""

    name: Annotated[
        str, matches(r"^[0-9A-Za-z][0-9A-Za-z _!?.-]{0,99}$", "up to 100 letters, digits, spaces, _ ! ? . -")
    ]
    """Name of the subject."""

    definition: Annotated[str, Field(min_length=1, max_length=200)]
    """What belongs to it, in a sentence or two."""

    examples: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=5)] = []
    """Sentences that belong to it."""


class Guardrail(Model):
    """What a model of Bedrock must not be asked, and must not say."""

    name: Name
    """Name of the guardrail."""

    blocked_message: Annotated[str, Field(min_length=1, max_length=500)] = "This request cannot be answered here."
    """What is answered instead."""

    filters: ContentFilters = ContentFilters()
    """Harmful content."""

    denied_topics: Annotated[list[DeniedTopic], Field(max_length=30)] = []
    """Subjects that are refused."""

    block_pii: list[PiiType] = []
    """Personal and secret data that blocks a request or an answer."""

    anonymize_pii: list[PiiType] = []
    """Personal and secret data that is masked."""

    @field_validator("block_pii", "anonymize_pii")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("must not repeat an entry")
        return value


class InvocationLogs(Model):
    """A record of every call of a Bedrock model in this account and region, whoever makes it."""

    days: LogDays = 30
    """Days that it is kept."""

    with_text: bool = False
    """Whether prompts and answers are in it: they may hold what people would not have recorded."""


class Bedrock(Model):
    """Amazon Bedrock in this account and region."""

    guardrails: list[Guardrail] = []
    """Guardrails that models can name."""

    invocation_logs: InvocationLogs | None = None
    """The record of calls. Absent: none. The setting belongs to account and region: one environment in each has it."""
