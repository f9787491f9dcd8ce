"""The page in a real browser: what a reader sees, finds and opens."""

import pytest
from support.browser import browser
from support.results import YAML, component, resource, result

from plinth_cli.engine.result import Property
from plinth_cli.report import build, html
from plinth_cli.report.places import Places

HOSTILE = "</script><img src=x onerror=document.title='owned'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    network, cluster = component("Network", "network", "same"), component("Cluster", "cluster")
    store = component("ObjectStore", "storage")
    vpc = resource(network, "aws:ec2/vpc:Vpc", "vpc", "same")
    eks = resource(cluster, "aws:eks/cluster:Cluster", "eks", "update", Property("version", "1.35", HOSTILE))
    bucket = resource(store, "aws:s3/bucket:Bucket", "storage-artifacts", "delete")
    dev = result(network, cluster, store, vpc, eks, bucket, needs={eks.urn: (vpc.urn,)})
    prod = result(component("Cache", "cache", "same"))
    prod.environment = "prod"
    reports = [build.report(each, Places("Pulumi.dev.yaml", YAML)) for each in (dev, prod)]
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(html.page(reports, "plinth: preview of dev, prod"))
    with browser() as running:
        opened = running.new_page(viewport={"width": 1200, "height": 900})
        opened.requests = []
        opened.faults = []
        opened.on("request", lambda request: opened.requests.append(request.url))
        opened.on("pageerror", lambda error: opened.faults.append(str(error)))
        opened.goto(file.as_uri())
        yield opened


def test_decisions_stand_above_the_fold_and_nothing_was_fetched(page):
    assert page.title() == "plinth: preview of dev, prod"
    decision = page.locator(".decision")
    assert "storage-artifacts is deleted" in decision.inner_text()
    assert decision.bounding_box()["y"] < 900
    assert len(page.requests) == 1 and page.faults == []


def test_hostile_words_are_shown_as_words(page):
    assert HOSTILE in page.locator("main").inner_text()
    assert page.locator("img").count() == 0


def test_a_component_of_the_graph_opens_its_changes_and_marks_its_neighbors(page):
    page.locator("g.node", has_text="cluster").click()
    assert page.locator("details[data-name=cluster]").get_attribute("open") is not None
    near = page.locator("g.node.near").evaluate_all("nodes => nodes.map(node => node.dataset.name)")
    assert sorted(near) == ["cluster", "network"]
    page.locator("g.node", has_text="network").press("Enter")
    assert "nothing changes" in page.locator("#told").inner_text()


def test_the_filter_leaves_what_fits(page):
    page.get_by_placeholder("Filter by name").fill("version")
    assert page.locator(".item:visible b").first.inner_text() == "eks"
    assert not page.locator("details[data-name=storage]").is_visible()
    page.get_by_placeholder("Filter by name").fill("")
    page.get_by_role("button", name="- delete").click()
    assert page.locator("details[data-name=storage]").is_visible()
    assert not page.locator("details[data-name=cluster]").is_visible()
    page.get_by_role("button", name="- delete").click()


def test_another_environment_is_a_tab_away(page):
    page.get_by_role("tab", name="prod").click()
    assert "Nothing changes." in page.locator("main").inner_text()
    page.get_by_role("tab", name="dev").click()
    assert page.locator(".decision").count() == 1


def test_it_fits_a_phone_and_paper(page):
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1200, "height": 900})
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("nav").first.is_visible()
    assert page.locator("details:not([open])").count() == 0
    page.emulate_media(media="screen")
