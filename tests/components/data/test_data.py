import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.data import cache_users
from plinth.data.cache import Cache
from plinth.data.postgres import Postgres
from plinth.data.vector import VectorStore, job_name, schema_config
from plinth.network.vpc import Network
from plinth.security.secrets import SecretsBridge
from plinth.spec.data import Cache as CacheSection
from plinth.spec.data import PgVectorStore, VectorCollection
from plinth.spec.data import Postgres as PostgresSection
from plinth.spec.network import Network as NetworkSection
from plinth_runtime.valkey.config import CacheEndpoint, CacheIam
from plinth_runtime.vector_schema import VectorSchema

CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
JOB = "kubernetes:batch/v1:Job"
IMAGE = "registry.example.com/plinth-runtime@sha256:" + "a" * 64
VECTORS = PgVectorStore(collections=[VectorCollection(name="documents", dimensions=384)])


def build(stage="development", postgres=PostgresSection(readers=1), cache=CacheSection(), vectors=VECTORS, image=IMAGE):  # noqa: B008 - frozen
    def program():
        world = environment(stage)
        network = Network("network", NetworkSection(zones=["a", "b"]), environment=world, log_key_arn="arn:logs")
        access = {
            "environment": world,
            "network": network,
            "key_arn": "arn:data",
            "secrets_key_arn": "arn:secrets",
            "client_security_group_id": "sg-cluster",
        }
        database = Postgres("postgres", postgres, **access)
        bridge = SecretsBridge(
            "secrets",
            environment=world,
            cluster_name="plinth-dev",
            namespace="plinth-system",
            secrets_key_arn="arn:secrets",
        )
        store = VectorStore(
            "vectors",
            vectors,
            environment=world,
            postgres=database,
            namespace="plinth-system",
            bridge=bridge,
            databases_cidr="10.0.0.0/16",
            runtime_image=image,
        )
        return database, Cache("cache", cache, **access), store

    return program


def of_data(recording):
    recording.resources = [r for r in recording.resources if r.name.startswith(("postgres", "cache", "vectors"))]
    return recording


@pytest.fixture(scope="module")
def recorded():
    return of_data(record(build()))


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("identities.json"))
    assert of_data(record(build(), preview=True)).identities == recorded.identities


def test_only_the_cluster_reaches_the_stores_and_only_on_their_ports(recorded):
    rules = {
        rule.name: (rule.inputs["referencedSecurityGroupId"], rule.inputs["fromPort"], rule.inputs["toPort"])
        for rule in recorded.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    }
    assert rules == {
        "postgres-access-clients": ("sg-cluster", 5432, 5432),
        "cache-access-clients": ("sg-cluster", 6379, 6379),
    }
    for kind in ("aws:rds/subnetGroup:SubnetGroup", "aws:elasticache/subnetGroup:SubnetGroup"):
        assert recorded.one(kind).inputs["subnetIds"] == ["network-data-a-id", "network-data-b-id"]


def test_postgres_is_encrypted_tls_only_and_its_password_never_passes_through(recorded):
    cluster = recorded.one(CLUSTER).inputs
    assert (cluster["storageEncrypted"], cluster["kmsKeyId"]) == (True, "arn:data")
    assert (cluster["manageMasterUserPassword"], cluster["masterUserSecretKmsKeyId"]) == (True, "arn:secrets")
    assert cluster["iamDatabaseAuthenticationEnabled"] is True
    assert "masterPassword" not in cluster
    parameters = recorded.one("aws:rds/clusterParameterGroup:ClusterParameterGroup").inputs
    assert parameters["family"] == "aurora-postgresql17"
    assert {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"} in parameters["parameters"]


def test_postgres_is_audited_watched_and_its_password_rotates(recorded):
    cluster = recorded.one(CLUSTER).inputs
    assert (cluster["performanceInsightsKmsKeyId"], cluster["performanceInsightsRetentionPeriod"]) == ("arn:data", 7)
    assert (cluster["databaseInsightsMode"], cluster["monitoringInterval"]) == ("standard", 60)
    assert cluster["monitoringRoleArn"].endswith("postgres-monitoring-role")
    parameters = recorded.one("aws:rds/clusterParameterGroup:ClusterParameterGroup").inputs["parameters"]
    values = {item["name"]: (item["value"], item["applyMethod"]) for item in parameters}
    assert values["shared_preload_libraries"] == ("pg_stat_statements,pgaudit", "pending-reboot")
    assert values["pgaudit.log"] == ("role,ddl", "immediate")
    rotation = recorded.one("aws:secretsmanager/secretRotation:SecretRotation").inputs
    assert rotation["rotationRules"] == {"automaticallyAfterDays": 7}
    assert rotation["secretId"].endswith("rds!postgres-cluster")


def test_what_is_not_asked_for_is_not_there():
    quiet = PostgresSection(audit=[], monitoring_seconds=0, logical_replication=True)
    recorded = of_data(record(build(postgres=quiet)))
    values = {
        item["name"]: item["value"]
        for item in recorded.one("aws:rds/clusterParameterGroup:ClusterParameterGroup").inputs["parameters"]
    }
    assert values["shared_preload_libraries"] == "pg_stat_statements"
    assert values["rds.logical_replication"] == "1" and "pgaudit.log" not in values
    assert "monitoringInterval" not in recorded.one(CLUSTER).inputs
    assert not [role for role in recorded.of("aws:iam/role:Role") if role.name == "postgres-monitoring-role"]


def test_one_instance_writes_and_the_readers_follow(recorded):
    instances = recorded.of(INSTANCE)
    assert [instance.name for instance in instances] == ["postgres-instance-1", "postgres-instance-2"]
    assert {instance.inputs["instanceClass"] for instance in instances} == {"db.serverless"}
    assert not any(instance.inputs["publiclyAccessible"] for instance in instances)


@pytest.mark.parametrize(
    ("stage", "protect", "retain"), [("local", False, False), ("staging", True, False), ("production", True, True)]
)
def test_databases_are_as_hard_to_lose_as_the_stage_says(stage, protect, retain):
    recorded = record(build(stage))
    cluster = recorded.one(CLUSTER)
    assert (cluster.protect, cluster.retain_on_delete) == (protect, retain)
    assert cluster.inputs["deletionProtection"] is protect
    assert cluster.inputs["skipFinalSnapshot"] is not protect
    assert ("finalSnapshotIdentifier" in cluster.inputs) is protect
    cache = recorded.one(CACHE)
    assert (cache.protect, cache.retain_on_delete) == (protect, False)
    assert (cache.inputs["snapshotRetentionLimit"] > 0) is protect


def test_the_cache_is_encrypted_and_knows_no_user_but_those_of_workloads(recorded):
    cache = recorded.one(CACHE)
    assert cache.inputs["transitEncryptionEnabled"] is True
    assert (cache.inputs["atRestEncryptionEnabled"], cache.inputs["kmsKeyId"]) == (True, "arn:data")
    assert "authToken" not in cache.inputs and cache.inputs["userGroupIds"] == ["plinth-dev-users"]
    group = recorded.one("aws:elasticache/userGroup:UserGroup").inputs
    assert (group["engine"], group["userIds"]) == ("valkey", ["plinth-dev-platform"])
    (user,) = recorded.of("aws:elasticache/user:User")
    assert user.inputs["userName"] == user.inputs["userId"] == "plinth-dev-platform"
    assert user.inputs["authenticationMode"] == {"type": "password", "passwords": ["canary-cache-token"]}
    assert recorded.leaks("canary") == []
    secret = recorded.one("aws:secretsmanager/secret:Secret", "cache-token-secret")
    assert secret.inputs["name"] == "plinth/dev/cache/token"
    assert secret.inputs["kmsKeyId"] == "arn:secrets"


def test_a_tenant_signs_in_with_its_role_and_touches_its_own_keys():
    recorded = record(build(cache=CacheSection(tenants=["search"])))
    user = recorded.one("aws:elasticache/user:User", "cache-user-search").inputs
    assert user["authenticationMode"] == {"type": "iam"}
    assert user["userName"] == user["userId"]
    assert user["accessString"].split()[:4] == ["on", "~tenant:search:*", "resetchannels", "&tenant:search:*"]
    cache = recorded.result[1]
    assert not cache.grants("support")
    granted = cache.grants("search")
    (statement,) = json.loads(recorded.value(granted.policies["cache"]))["Statement"]
    assert statement["Action"] == ["elasticache:Connect"]
    assert [arn.rpartition(":")[2] for arn in statement["Resource"]] == ["cache-valkey", "cache-user-search"]
    endpoint = CacheEndpoint.model_validate_json(recorded.value(granted.endpoints["cache.json"]))
    assert (endpoint.user, endpoint.key_prefix) == (user["userId"], "tenant:search:")
    assert endpoint.login == CacheIam(cache_name="cache-valkey", region="us-east-1")


NAMES = st.from_regex(r"[a-z][a-z0-9]{1,10}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(st.lists(NAMES, max_size=6, unique=True))
def test_no_users_keys_are_anothers(tenants):
    users = cache_users.users(environment(), tenants)
    assert len({user.id for user in users}) == len(users)
    assert all(len(user.id) <= cache_users.LONGEST_ID for user in users)
    for one in users:
        for other in users:
            assert one is other or not one.key_prefix.startswith(other.key_prefix)


@pytest.mark.parametrize(("replicas", "failover"), [(0, False), (2, True)])
def test_a_cache_with_replicas_fails_over_between_zones(replicas, failover):
    cache = record(build(cache=CacheSection(replicas=replicas))).one(CACHE).inputs
    assert cache["numCacheClusters"] == replicas + 1
    assert (cache["automaticFailoverEnabled"], cache["multiAzEnabled"]) == (failover, failover)


def test_the_job_reads_exactly_what_the_runtime_understands(recorded):
    config = recorded.one("kubernetes:core/v1:ConfigMap").inputs["data"]["schema.json"]
    schema = VectorSchema.model_validate_json(config)
    assert (schema.host, schema.port, schema.database) == ("postgres-cluster.rds.example.com", 5432, "vectors")
    assert [(c.name, c.dimensions) for c in schema.collections] == [("documents", 384)]
    assert config == schema_config(VECTORS, schema.host, schema.port)


def test_the_job_is_restricted_and_finds_its_files(recorded):
    pod = recorded.one(JOB).inputs["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == IMAGE
    assert container["command"] == ["plinth-runtime", "vector-schema", "--config", "/etc/plinth/vector/schema.json"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes[mounts["/etc/plinth/vector"]]["configMap"] == {"name": "vector-schema"}
    assert volumes[mounts["/etc/plinth/postgres"]]["secret"] == {"secretName": "vector-store-admin"}


def test_the_job_waits_for_instances_and_credentials(recorded):
    waits_for = recorded.one(JOB).depends_on
    assert {"postgres-instance-1", "postgres-instance-2", "vectors-credentials", "vectors-schema"} <= waits_for
    credentials = recorded.one("kubernetes:external-secrets.io/v1:ExternalSecret")
    assert "vectors-read-master-secret" in credentials.depends_on
    refs = [entry["remoteRef"] for entry in credentials.inputs["spec"]["data"]]
    assert [ref["property"] for ref in refs] == ["username", "password"]
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "vectors-read-master-secret").inputs["policy"])
    assert policy["Statement"][0]["Resource"] == [refs[0]["key"]]


def test_a_new_job_runs_when_and_only_when_something_changed():
    same = job_name(VECTORS, IMAGE)
    more = PgVectorStore(collections=[*VECTORS.collections, VectorCollection(name="tickets", dimensions=384)])
    assert job_name(VECTORS.model_copy(), IMAGE) == same
    assert len({same, job_name(more, IMAGE), job_name(VECTORS, IMAGE.replace("a" * 64, "b" * 64))}) == 3
    assert record(build()).one(JOB).inputs["metadata"]["name"] == same


def test_the_endpoint_says_what_clients_need(recorded):
    postgres, _, store = recorded.result
    endpoint = store.endpoint
    assert (endpoint.kind, endpoint.database, endpoint.collections) == ("pgvector", "vectors", ["documents"])
    assert recorded.value(endpoint.host) == recorded.value(postgres.endpoint)
    assert recorded.value(endpoint.port) == 5432
    # It is handed out once the tables are there.
    assert "vectors-job" in recorded.depends_on(endpoint.host)
