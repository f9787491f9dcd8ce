"""Every IAM policy of every environment names actions, resources and conditions that exist, and no more."""

import pytest
from support import iam
from support.platforms import recorded_platform

S3_READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_every_policy_is_sound(name):
    names = {resource.name for resource in recorded_platform(name).resources}
    found = [
        f"{resource.type} {resource.name}: {problem}"
        for resource in recorded_platform(name).resources
        for policy in iam.policies(resource.inputs)
        for problem in iam.problems(policy, names)
    ]
    assert found == []


def test_there_is_something_to_look_at():
    policies = [policy for resource in recorded_platform("prod").resources for policy in iam.policies(resource.inputs)]
    assert len(policies) > 50


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"Action": "s3:GetObjects"}, "there is no such action"),
        ({"Action": "s4:GetObject"}, "service s4 is not in"),
        ({"Action": "s3:*"}, "everything of a service"),
        ({"Action": "*"}, "allows everything"),
        ({"Resource": "*"}, "on every resource"),
        ({"Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a"}}}, None),
        ({"Resource": "arn:aws:s3:::b"}, "is a"),
        ({"Resource": "arn:aws:sqs:us-east-1:123456789012:q"}, "none of"),
        ({"Action": "s3:ListAllMyBuckets"}, "knows no resources"),
        ({"Action": "s3:ListAllMyBuckets", "Resource": "*"}, None),
        ({"Condition": {"StringEquals": {"s3:prefixes": "a"}}}, "has no such key"),
        ({"Condition": {"StringEquals": {"kms:ViaServices": "a"}}}, "has no such key"),
        ({"Condition": {"StringSame": {"aws:RequestedRegion": "a"}}}, "no operator"),
        ({"Effect": "Permit"}, "Effect Permit"),
        ({"Resources": "*"}, "unknown elements"),
    ],
)
def test_the_linter_sees_what_is_wrong(change, complaint):
    policy = {"Version": "2012-10-17", "Statement": [{**S3_READ, **change}]}
    found = list(iam.problems(policy))
    if complaint is None:
        assert found == []
    else:
        assert any(complaint in problem for problem in found), found
