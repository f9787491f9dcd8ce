"""What AWS assigns to the resources of hosted models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plinth_cli.rehearsal.aws.shapes import TIME, Assigned, arn, by_arn

MODELS: Final[Mapping[str, Assigned]] = {
    "bedrock/guardrail:Guardrail": (
        "{hex12}",
        {
            "guardrailArn": arn("bedrock", "guardrail/{id}"),
            "guardrailId": "{id}",
            "version": "DRAFT",
            "status": "READY",
            "createdAt": TIME,
        },
    ),
    "bedrock/guardrailVersion:GuardrailVersion": ("{in.guardrailArn},1", {"version": "1"}),
    "bedrock/inferenceProfile:InferenceProfile": by_arn(
        arn("bedrock", "application-inference-profile/{hex12}"), type="APPLICATION", status="ACTIVE"
    ),
    "bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration": ("{region}", {}),
}
