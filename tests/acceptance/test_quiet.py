"""One environment and a team's stack are rehearsed under observation: nothing leaves the machine, no secret shows."""

from dataclasses import dataclass

import pytest
from acceptance import leaks, observe
from acceptance.checkout import Checkout, Ran
from acceptance.network import Watch, is_here, watched

SNOWFLAKE = "MIIEvcanary" + "b7Q+/x9K" * 12
PROVIDERS = """
import pulumi, pulumi_aws as aws, pulumi_kubernetes as k8s, pulumi_random as random
from plinth.program import read_spec
from plinth.providers import base_providers
given = base_providers(read_spec().environment, None)
opts = pulumi.ResourceOptions(provider=given.aws)
canary = pulumi.Output.secret("canary-of-the-program-81bd7a")
"""
# Kept in every program that follows: it is protected.
BOX = """
kept = pulumi.ResourceOptions(provider=given.aws, protect=True)
secret = aws.secretsmanager.Secret('box', opts=kept)
"""
CANARY, CHANGED = "canary-of-the-program-81bd7a", "changed-canary-c07f12"


@dataclass
class Site:
    """A checkout, what was seen on the network, and everything that its commands said."""

    checkout: Checkout
    watch: Watch
    said: list[Ran]

    def plinth(self, *args: str) -> Ran:
        ran = self.checkout.plinth(*args)
        self.said.append(ran)
        return ran

    def configure_snowflake_key(self) -> None:
        """Do what `pulumi config set plinth:snowflakePrivateKey` does without --secret."""
        with (self.checkout.root / "Pulumi.dev.yaml").open("a") as file:
            head, tail = (f"      -----{word} PRIVATE KEY-----\n" for word in ("BEGIN", "END"))
            file.write(f"  plinth:snowflakePrivateKey: |\n{head}      {SNOWFLAKE}\n{tail}")

    def secrets(self) -> dict[str, str]:
        with observe.cloud(self.checkout, "dev") as cloud:
            found = leaks.in_cloud(cloud)
        for env in ("dev", "staging"):
            found[f"passphrase of {env}"] = (self.checkout.base(env) / "passphrase").read_text().strip()
        return found | {"Snowflake's key": SNOWFLAKE, "of the program": CANARY, "of the program, changed": CHANGED}

    def found_on_disk(self) -> list[str]:
        folder = self.checkout.root.parent
        allowed = [
            *(self.checkout.base(env) / "passphrase" for env in ("dev", "staging")),
            self.checkout.root / "Pulumi.dev.yaml",  # where the person wrote a key in plaintext
            self.checkout.root / "__main__.py",  # where the program below has its canary
        ]
        return leaks.on_disk([folder], self.secrets(), allowed)


@pytest.fixture(scope="module")
def site(make_checkout, tmp_path_factory):
    checkout = make_checkout("quiet")
    with watched(checkout, tmp_path_factory.mktemp("audit")) as watch:
        yield Site(checkout, watch, [])


def test_a_team_stack_without_its_platform_says_what_to_do(site):
    early = site.plinth("up", "dev", "--rehearse", "--stack", "stacks/search")
    assert early.code == 1 and "Traceback" not in early.said
    assert "plinth up dev --rehearse" in early.err
    assert observe.ledger(site.checkout, "dev") == {}


def test_the_platform_then_a_teams_stack_and_again(site):
    site.configure_snowflake_key()
    site.plinth("preview", "dev", "--rehearse", "--json").ok()
    site.plinth("up", "dev", "--rehearse").ok()
    up = site.plinth("up", "dev", "--rehearse", "--stack", "stacks/search", "--json").ok()
    assert up.doc["policy"] == {"packs": 1, "violations": []}
    assert up.changed()["plinth:index:VectorCollection collection-passages"] == "create"
    again = site.plinth("up", "dev", "--rehearse", "--stack", "stacks/search", "--json").ok()
    assert set(again.counts) == {"same"} and again.doc["recovered"] == []
    assert "tenant-search/ConfigMap-vectors-passages.yaml" in observe.manifests(site.checkout, "dev")


def test_a_changed_secret_is_an_update_that_shows_nothing(site):
    program = (
        f"{PROVIDERS}{BOX}"
        "aws.secretsmanager.SecretVersion('value', secret_id=secret.id, secret_string=canary, opts=opts)\n"
        "pulumi.export('told', canary)\n"
    )
    platform = (site.checkout.root / "__main__.py").read_text()
    try:
        site.checkout.program(program)
        site.plinth("up", "staging", "--rehearse").ok()
        site.checkout.program(program.replace(CANARY, CHANGED))
        site.plinth("preview", "staging", "--rehearse").ok()
        up = site.plinth("up", "staging", "--rehearse", "--json").ok()
    finally:
        site.checkout.program(platform)
    (change,) = up.properties("value").values()
    assert (change["path"], change["old"], change["new"]) == ("secretString", "[secret]", "[secret]")
    assert up.doc["outputs"] == {"told": "[secret]"}
    with observe.cloud(site.checkout, "staging") as cloud:
        assert list(cloud.secrets().values()) == [CHANGED]


FAILURES = {
    "wrong type": "random.RandomPassword('wrong', length=canary, opts=pulumi.ResourceOptions(provider=given.random))",
    "beside a mistake": (
        "aws.eks.Cluster('wrong', role_arn='r', vpc_config={'subnet_idz': [canary]}, tags={'t': canary}, opts=opts)"
    ),
    "refused by the cloud": (
        "aws.secretsmanager.SecretVersion('wrong', secret_id='none', secret_string=canary, opts=opts)"
    ),
    "in an unknown field": (
        "kube = k8s.Provider('kube', kubeconfig='{}')\n"
        "k8s.core.v1.Secret('wrong', metadata={'name': 'x', 'namespace': 'default', 'labelz': {'a': canary}},"
        " string_data={'a': canary}, opts=pulumi.ResourceOptions(provider=kube))"
    ),
    "against policy": (
        "kube = k8s.Provider('kube', kubeconfig='{}')\n"
        "k8s.core.v1.ConfigMap('wrong', metadata={'name': 'x', 'namespace': 'default'}, "
        f"data={{'password': '{CANARY}'}},"
        " opts=pulumi.ResourceOptions(provider=kube))"
    ),
}


@pytest.mark.parametrize("program", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_shows_no_secret(site, program):
    platform = (site.checkout.root / "__main__.py").read_text()
    site.checkout.program(f"{PROVIDERS}{BOX}{program}\n")
    try:
        failed = site.plinth("up", "staging", "--rehearse", "--json")
        assert failed.code in (1, 3), failed.said
        assert "wrong" in failed.out
        assert leaks.in_text([failed.said], {"of the program": CANARY}) == [], failed.said
    finally:
        site.checkout.program(platform)


def test_no_secret_was_printed_or_written(site):
    secrets = site.secrets()
    assert len(secrets) >= 8
    assert leaks.in_text([ran.said for ran in site.said], secrets) == []
    assert "\n".join(site.found_on_disk()) == ""


def test_nothing_left_the_machine(site):
    assert site.watch.proxied == []
    assert site.watch.audited_remote == []
    assert site.watch.remote == set()
    # It was looked at the right places: the engine's sockets, and those of Python, which talks to the cloud.
    assert {"pulumi", "python"} <= site.watch.looked_at
    commands = " ".join(site.watch.audited)
    assert all(name in commands for name in ("plinth_cli.rehearsal.server", "plinth_cli.rehearsal.cloud"))
    assert not is_here("93.184.216.34") and not is_here("api.pulumi.com") and is_here("::ffff:127.0.0.1")
