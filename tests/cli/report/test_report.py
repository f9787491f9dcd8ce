"""The report: what comes first, what is folded, and that it fits."""

import pytest
from support.results import YAML, component, resource, result

from plinth_cli.engine.events import UNKNOWN
from plinth_cli.engine.result import Property, Violation
from plinth_cli.errors import PlinthError
from plinth_cli.report import build, markdown
from plinth_cli.report.places import Places

PLACES = Places("Pulumi.dev.yaml", YAML)


def made(*changes, **more):
    return build.report(result(*changes, **more), PLACES)


def text(*changes, **more):
    return markdown.comment([made(*changes, **more)])


def storage(*, protected=False, operation="delete"):
    store = component("ObjectStore", "storage")
    forced = [Property("bucket", "a", "b", replaces=True)] if operation == "replace" else []
    bucket = resource(store, "aws:s3/bucket:Bucket", "storage-artifacts", operation, *forced, protected=protected)
    return store, bucket


def test_what_would_lose_data_comes_first_with_its_line():
    report = made(*storage())
    (decision,) = report.decisions
    assert decision.kind == "delete" and "storage-artifacts is deleted" in decision.title
    assert "exists nowhere else" in decision.reason and decision.place.line == 3
    comment = markdown.comment([report])
    assert comment.index("Needs a decision") < comment.index("<details>")
    assert "(`storage`, Pulumi.dev.yaml:3)" in comment


def test_a_replacement_says_what_forces_it_and_whether_the_engine_will_refuse():
    report = made(*storage(operation="replace", protected=True))
    (decision,) = report.decisions
    assert "is replaced because bucket changes" in decision.title
    assert "protected, so the update will refuse" in decision.reason


def test_what_holds_nothing_needs_no_decision():
    gateway = component("Gateway", "gateway")
    assert made(gateway, resource(gateway, "kubernetes:apps/v1:Deployment", "pods", "delete")).decisions == ()


def test_a_mandatory_violation_leads_to_the_line_of_its_component():
    tenant = component("Tenant", "tenant-search", "create")
    budget = resource(tenant, "aws:budgets/budget:Budget", "tenant-search-budget", "create")
    broken = Violation("tenant-has-budget", "plinth", True, budget.urn, "has no limit\nSet monthly_budget_usd.")
    advice = Violation("spread", "plinth", False, "", "one zone only")
    report = made(tenant, budget, violations=(broken, advice))
    (decision,) = report.decisions
    assert (decision.kind, decision.reason, decision.fix) == ("policy", "has no limit", "Set monthly_budget_usd.")
    assert decision.place.path == "tenants[0]"
    comment = markdown.comment([report])
    assert "**1 mandatory**, 1 advice" in comment and "`spread` on the whole stack: one zone only" in comment


def test_a_failure_is_the_first_decision():
    report = made(error=PlinthError("The bucket's name is taken.", "aws s3", "Choose another."))
    assert not report.ok
    comment = markdown.comment([report])
    assert "**The bucket's name is taken.**. aws s3 Fix: Choose another." in comment


def test_what_many_share_is_told_once():
    store = component("ObjectStore", "storage", "same")
    tag = Property("tags.owner", "a", "b")
    same = [resource(store, "aws:s3/bucket:Bucket", f"bucket-{n}", "update", tag) for n in range(7)]
    more = resource(store, "aws:s3/bucket:Bucket", "special", "update", tag, Property("acl", "x", "y"))
    report = made(store, *same, more)
    (common,) = report.common
    assert (common.difference.path, common.resources, common.operation) == ("tags.owner", 8, "update")
    (group,) = report.groups
    assert [item.name for item in group.items] == ["special"] and group.folded == 7
    assert [each.path for each in group.items[0].differences] == ["acl"]
    comment = markdown.comment([report])
    assert comment.count("tags.owner") == 1 and "on 8 resources" in comment


def test_few_that_share_are_each_told():
    store = component("ObjectStore", "storage", "same")
    tag = Property("tags.owner", "a", "b")
    report = made(store, *[resource(store, "aws:s3/bucket:Bucket", f"bucket-{n}", "update", tag) for n in range(4)])
    assert report.common == () and len(report.groups[0].items) == 4


def test_noise_is_counted_and_left_out():
    store = component("ObjectStore", "storage", "same")
    bucket = resource(
        store,
        "aws:s3/bucket:Bucket",
        "bucket",
        "update",
        Property("tags.owner", "a", "b"),
        Property("tagsAll.owner", "a", "b"),
        Property("policy", '{"a": 1}', '{ "a": 1 }'),
    )
    report = made(store, bucket)
    assert [each.path for each in report.groups[0].items[0].differences] == ["tags.owner"] and report.noise == 2
    assert "2 differences without meaning are left out" in markdown.comment([report])


def test_tags_that_only_the_provider_adds_are_told():
    store = component("ObjectStore", "storage", "same")
    bucket = resource(store, "aws:s3/bucket:Bucket", "bucket", "update", Property("tagsAll.owner", "a", "b"))
    assert [each.path for each in made(store, bucket).groups[0].items[0].differences] == ["tagsAll.owner"]


def test_unknown_values_are_counted():
    store = component("ObjectStore", "storage", "same")
    bucket = resource(store, "aws:s3/bucket:Bucket", "b", "update", Property("arn", "x", UNKNOWN))
    report = made(store, bucket)
    assert report.unknown == 1 and "1 values are known only after the update" in markdown.comment([report])


def test_nothing_to_do_is_one_line():
    same = component("ObjectStore", "storage", "same")
    comment = text(same)
    assert "Nothing changes in `dev`." in comment and "|" not in comment


def test_a_component_that_is_all_new_is_one_line():
    tenant = component("Tenant", "tenant-search", "create")
    inside = [resource(tenant, "aws:iam/role:Role", f"role-{n}", "create") for n in range(9)]
    assert "+ tenant-search (Tenant): 9 resources, all new" in text(tenant, *inside)


def test_who_needs_whom_is_told_by_component():
    network, cluster = component("Network", "network", "same"), component("Cluster", "cluster", "same")
    vpc = resource(network, "aws:ec2/vpc:Vpc", "vpc", "same")
    eks = resource(cluster, "aws:eks/cluster:Cluster", "eks", "same")
    report = made(network, cluster, vpc, eks, needs={eks.urn: (vpc.urn,), vpc.urn: ()})
    assert report.edges == (("cluster", "network"),)
    assert [(each.name, each.resources, each.worst) for each in report.components] == [
        ("cluster", 1, "same"),
        ("network", 1, "same"),
    ]


def many(count):
    for number in range(count):
        tenant = component("Tenant", f"tenant-{number}", "update", Property("quota.gpus", number, number + 1))
        yield tenant
        for inner in range(5):
            change = Property("spec.hard", {"pods": f"{number}-{inner}"}, {"pods": "x" * 500})
            yield resource(tenant, "kubernetes:core/v1:ResourceQuota", f"quota-{number}-{inner}", "update", change)
    store = component("ObjectStore", "storage")
    yield store
    yield resource(store, "aws:s3/bucket:Bucket", "storage-artifacts", "delete")


@pytest.mark.parametrize("limit", [markdown.LIMIT, 20_000, 4_000])
def test_a_long_report_drops_the_least_grave_and_says_so(limit):
    comment = markdown.comment([made(*many(500))], limit=limit)
    assert len(comment) <= limit + 1
    assert "storage-artifacts is deleted" in comment and "- aws s3 Bucket  storage-artifacts" in comment
    assert "changed resources are left out here for length" in comment
    assert comment.count("```") == 2 and comment.count("<details>") == comment.count("</details>")


def test_what_a_reader_sees_before_unfolding_fits_a_screen():
    changes = [*many(500)]
    store = component("ObjectStore", "more-storage")
    buckets = [resource(store, "aws:s3/bucket:Bucket", f"bucket-{n:03}", "delete") for n in range(60)]
    before = markdown.comment([made(*changes, store, *buckets)]).partition("<details>")[0]
    assert len(before.splitlines()) <= 40 and "46 more" in before


@pytest.mark.parametrize("text_of", ["<script>alert(1)</script>", "@everyone", "a\n```\nb", "| x |"])
def test_words_of_resources_are_no_markup(text_of):
    store = component("ObjectStore", "storage")
    bucket = resource(store, "aws:s3/bucket:Bucket", "b", "update", Property("note", "x", text_of))
    broken = Violation("rule", "plinth", True, bucket.urn, text_of)
    comment = text(store, bucket, violations=(broken,))
    outside = comment.partition("```diff")[0]
    assert "<script>" not in outside and "@everyone" not in outside
    assert comment.count("```") == 2


def test_the_same_result_gives_the_same_comment_in_any_order():
    changes = [*many(20)]
    assert text(*changes) == text(*reversed(changes))


def test_several_environments_are_one_comment():
    dev, prod = made(*storage()), made(component("Cache", "cache", "same"))
    line = "https://git.acme.example.com/plinth/blob/abc/{file}#L{line}"
    comment = markdown.comment([dev, prod], markdown.Links("abc", "", line))
    assert comment.count(markdown.MARKER) == 1 and comment.count("`plinth/dev`") == 2
    assert "is deleted** in `dev`" in comment
    assert "https://git.acme.example.com/plinth/blob/abc/Pulumi.dev.yaml#L3" in comment
