"""What Kyverno is told about images. Pure.

Sources: Kyverno documentation, "ValidatingPolicy" and "ImageValidatingPolicy", for v1.19; its chart's values.
"""

from typing import Any, Literal

from plinth import naming, pods, versions
from plinth.cluster import walls
from plinth.kinds import kyverno
from plinth.spec.environment import Environment
from plinth.spec.images import (
    IdentitySignature,
    ImageRules,
    KeySignature,
    KmsSignature,
    NotationSignature,
    Signature,
    registries,
)

SERVICE_ACCOUNT = "kyverno-admission-controller"

EXEMPT = (
    "kube-node-lease",
    "kube-public",
    "kube-system",
    *(space.name for space in walls.NAMESPACES if space.name != naming.SERVING_NAMESPACE),
)
"""Namespaces of what Kyverno itself, its nodes and its network stand on: a broken webhook must not stop those."""

REKOR = "https://rekor.sigstore.dev"
"""Sigstore's public transparency log."""

PULL_SECONDS = 20
"""Seconds that the API server waits: a signature is fetched from a registry."""

_CONTAINERS = " + ".join(
    (
        "object.spec.containers",
        *(f"object.spec.?{kind}.orValue([])" for kind in ("initContainers", "ephemeralContainers")),
    )
)


def failure_policy(environment: Environment) -> Literal["Fail", "Ignore"]:
    """What happens to pods while Kyverno does not answer: where it has several replicas, they wait."""
    return "Fail" if environment.protects_data else "Ignore"


def replicas(environment: Environment) -> int:
    """Replicas of what answers the API server."""
    return 3 if environment.protects_data else 1


def origin(rules: ImageRules, environment: Environment) -> kyverno.ValidatingPolicy:
    """Images are named by digest, and come from the registries that are allowed."""
    allowed = registries(rules, environment)
    starts = ", ".join(f"'{registry}/'" for registry in allowed)
    return kyverno.ValidatingPolicy(
        failure_policy=failure_policy(environment),
        validation_actions=_actions(rules),
        match_constraints=_pods(),
        variables=[kyverno.Variable(name="containers", expression=_CONTAINERS)],
        validations=[
            kyverno.Validation(
                expression="variables.containers.all(c, c.image.matches('^[^@]+@sha256:[0-9a-f]{64}$'))",
                message="Images are named by digest (name@sha256:...): a tag can be moved.",
            ),
            kyverno.Validation(
                expression=f"variables.containers.all(c, [{starts}].exists(registry, c.image.startsWith(registry)))",
                message=f"Images come from {', '.join(allowed)}: see cluster.images.registries.",
            ),
        ],
        autogen=_PODS_ALONE,
    )


def signed(signature: Signature, rules: ImageRules, environment: Environment) -> kyverno.ImageValidatingPolicy:
    """Images have a signature."""
    verify = "verifyImageSignatures(image, [attestors.signer]) > 0"
    return kyverno.ImageValidatingPolicy(
        failure_policy=failure_policy(environment),
        validation_actions=_actions(rules),
        match_constraints=_pods(),
        match_image_references=[kyverno.ImageReference(glob=glob) for glob in signature.images],
        attestors=[_attestor(signature, environment)],
        credentials=kyverno.Credentials(providers=["default", "amazon"]),
        validation_configurations=kyverno.ValidationConfigurations(
            # What runs is what was asked for: nothing is rewritten.
            mutate_digest=False,
            verify_digest=True,
            required=True,
        ),
        validations=[
            kyverno.Validation(
                expression=f"images.{kind}.all(image, {verify})",
                message=f"The image has no valid signature of {signature.name}.",
            )
            for kind in ("containers", "initContainers", "ephemeralContainers")
        ],
        autogen=_PODS_ALONE,
        # Only the admission controller may sign in to the registry.
        evaluation=kyverno.Evaluation(background=kyverno.Switch(enabled=False)),
        webhook_configuration=kyverno.WebhookConfiguration(timeout_seconds=PULL_SECONDS),
    )


def _actions(rules: ImageRules) -> list[Literal["Deny", "Audit", "Warn"]]:
    return ["Deny"] if rules.enforce else ["Audit"]


_PODS_ALONE = kyverno.Autogen(pod_controllers=kyverno.PodControllers(controllers=[]))
"""Pods are what runs, whoever makes them."""


def _pods() -> kyverno.MatchConstraints:
    """Every pod outside of the exempt namespaces, and containers that are put into a running one."""
    return kyverno.MatchConstraints(
        resource_rules=[
            kyverno.Rule(
                api_groups=[""],
                api_versions=["v1"],
                operations=["CREATE", "UPDATE"],
                resources=["pods", "pods/ephemeralcontainers"],
            )
        ],
        namespace_selector=kyverno.LabelSelector(
            match_expressions=[
                kyverno.LabelRequirement(key="kubernetes.io/metadata.name", operator="NotIn", values=EXEMPT)
            ]
        ),
    )


def _attestor(signature: Signature, environment: Environment) -> kyverno.Attestor:
    match signature:
        case KeySignature():
            key = kyverno.Key(data=signature.public_key)
            cosign = kyverno.Cosign(key=key, ctlog=_log(signature.transparency_log))
        case KmsSignature():
            key = kyverno.Key(kms=f"awskms:///{signature.key_in(environment.region)}")
            cosign = kyverno.Cosign(key=key, ctlog=_log(signature.transparency_log))
        case IdentitySignature():
            identity = kyverno.Identity(issuer=signature.issuer, subject=signature.subject)
            cosign = kyverno.Cosign(keyless=kyverno.Keyless(identities=[identity]), ctlog=_log(public=True))
        case NotationSignature():
            times = signature.timestamp_certificates
            notary = kyverno.Notary(
                certs=kyverno.Value(value=signature.certificates),
                tsa_certs=kyverno.Value(value=times) if times else None,
            )
            return kyverno.Attestor(name="signer", notary=notary)
    return kyverno.Attestor(name="signer", cosign=cosign)


def _log(public: bool) -> kyverno.TransparencyLog:
    """The log that signatures must be in."""
    if public:
        return kyverno.TransparencyLog(url=REKOR)
    return kyverno.TransparencyLog(insecure_ignore_tlog=True, insecureIgnoreSCT=True)


def chart_values(environment: Environment) -> dict[str, Any]:
    """Values of the Kyverno chart: what admits pods, and what reports on those that are there already.

    Its containers' own defaults meet the `restricted` level.
    """
    several = replicas(environment) > 1
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "768Mi"}}
    exempt = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(EXEMPT)}
    return {
        "crds": {"install": False},
        "global": {"priorityClassName": naming.SYSTEM_PRIORITY, "tolerations": list(pods.SYSTEM_TOLERATIONS)},
        "config": {"webhooks": {"namespaceSelector": {"matchExpressions": [exempt]}}},
        # A team that could write exceptions could except itself.
        "features": {"policyExceptions": {"enabled": False}},
        "admissionController": {
            "replicas": replicas(environment),
            "rbac": {"serviceAccount": {"name": SERVICE_ACCOUNT}},
            "podDisruptionBudget": {"enabled": several, "minAvailable": 1},
            "container": {"resources": resources},
        },
        "reportsController": {"replicas": 1, "resources": resources},
        # Nothing is generated, mutated later or cleaned up by policies here.
        "backgroundController": {"enabled": False},
        "cleanupController": {"enabled": False},
        "webhooksCleanup": {"image": {"tag": f"v{versions.KYVERNO_APP}"}},
    }
