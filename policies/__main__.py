"""The policy pack that the Pulumi engine starts. `PolicyPack` serves requests and never returns."""

from pulumi_policy import EnforcementLevel, PolicyPack

from plinth_policies.registry import RULES
from plinth_policies.sdk import build

PolicyPack("plinth", policies=build(RULES), enforcement_level=EnforcementLevel.MANDATORY)
