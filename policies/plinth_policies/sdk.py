"""The one module that speaks with Pulumi's policy SDK: rules become policies here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from plinth_policies.rule import Join, Resource, Rule, Stack
from plinth_policies.stage import Stages
from plinth_policies.values import UNKNOWN, plain


def build(rules: Sequence[Rule]) -> list[Policy]:
    """The policies of a pack, one or two for each rule.

    All are mandatory; a file of `policies/config/` lowers what a stage allows to be lower.
    """
    stages = Stages()
    policies: list[Policy] = []
    for rule in rules:
        policies.append(_policy(ResourceValidationPolicy, rule, rule.id, partial(_validate, rule, stages)))
        if rule.join:
            validate = partial(_validate_stack, rule, rule.join, stages)
            policies.append(_policy(StackValidationPolicy, rule, rule.join_id, validate))
    return policies


def _policy(kind: Callable[..., Policy], rule: Rule, name: str, validate: object) -> Policy:
    return kind(
        name=name,
        description=rule.title,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        severity=Severity[rule.severity.upper()],
        remediation_steps=rule.fix,
    )


def _validate(rule: Rule, stages: Stages, args: ResourceValidationArgs, report: ReportViolation) -> None:
    stages.note(args.resource_type, args.urn, args.props)
    check = rule.checks.get(args.resource_type)
    stage = stages.of(args.urn)
    if check is None or rule.levels[stage] == "disabled":
        return
    resource = Resource(
        type=args.resource_type,
        name=args.name,
        urn=args.urn,
        stage=stage,
        props=plain(args.props),
        protect=args.opts.protect,
        ancestors=(args.opts.parent,) if args.opts.parent else (),
    )
    for finding in check(resource):
        report(str(finding), None)


def _validate_stack(rule: Rule, join: Join, stages: Stages, args: StackValidationArgs, report: ReportViolation) -> None:
    resources = [_stack_resource(found, stages) for found in args.resources if found.resource_type in join.types]
    kept = tuple(resource for resource in resources if rule.levels[resource.stage] != "disabled")
    for finding in join.check(Stack(kept)):
        report(str(finding), finding.urn)


def _stack_resource(found: PolicyResource, stages: Stages) -> Resource:
    props = plain(found.props)
    if not props and not found.resource_type.startswith("plinth:"):
        # A provider whose own configuration is not known yet (Kubernetes, before its cluster exists) previews
        # its resources with no outputs at all.
        props = UNKNOWN
    return Resource(
        type=found.resource_type,
        name=found.name,
        urn=found.urn,
        stage=stages.of(found.urn),
        props=props,
        protect=found.opts.protect,
        ancestors=tuple(_ancestors(found)),
        depends_on=_urns(found.dependencies),
        sources={name: _urns(sources) for name, sources in found.property_dependencies.items()},
    )


def _ancestors(found: PolicyResource) -> Iterator[str]:
    above = found.parent
    while above is not None:
        yield above.urn
        above = above.parent


def _urns(resources: Iterable[Any]) -> frozenset[str]:
    return frozenset(resource.urn for resource in resources)
