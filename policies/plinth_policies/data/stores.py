"""Rules on data stores: encrypted with keys that rotate, and out of the internet's reach."""

from collections.abc import Iterator

from plinth_policies.rule import Finding, Join, Resource, Rule, Stack
from plinth_policies.values import MISSING, UNKNOWN, absent, at, differs, flag, items, number, shown

_BUCKET = "aws:s3/bucket:Bucket"
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_LEAST_DELETION_DAYS = 14
_BY_COMPONENT = "the component sets it; in a resource of your own set it yourself"

_CACHE_ENCRYPTION = (
    ("atRestEncryptionEnabled", "backups and disks could be read"),
    ("transitEncryptionEnabled", "prompts and answers would cross the network in the clear"),
)


def _bucket(bucket: Resource) -> Iterator[Finding]:
    acl = bucket.get("acl")
    if isinstance(acl, str) and acl.startswith(("public-", "authenticated-read")):
        yield Finding(
            f"acl is {shown(acl)}", "strangers could read the objects", "leave acl out; declare storage.buckets"
        )


def _public_access(block: Resource) -> Iterator[Finding]:
    for field in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        if differs(block.get(field), True):
            what = f"{field} is {shown(block.get(field))}"
            yield Finding(what, "one wrong policy would make the bucket public", f"set it to true; {_BY_COMPONENT}")


def _bucket_encryption(configuration: Resource) -> Iterator[Finding]:
    for rule in items(configuration.get("rules")):
        default = at(rule, "applyServerSideEncryptionByDefault")
        algorithm, key = at(default, "sseAlgorithm"), at(default, "kmsMasterKeyId")
        if algorithm is not UNKNOWN and algorithm not in ("aws:kms", "aws:kms:dsse"):
            why = "whoever may read the bucket may read the data: no key of ours stands between"
            yield Finding(f"sseAlgorithm is {shown(algorithm)}", why, f"use aws:kms; {_BY_COMPONENT}")
        elif absent(key):
            why = "AWS's own key cannot be revoked or audited by us"
            yield Finding("kmsMasterKeyId is not set", why, f"use the platform's key for storage; {_BY_COMPONENT}")


def _database(database: Resource) -> Iterator[Finding]:
    encrypted = database.get("storageEncrypted")
    if not database.type.endswith(":ClusterInstance") and differs(encrypted, True):
        what = f"storageEncrypted is {shown(encrypted)}"
        yield Finding(what, "disks and snapshots could be read", f"set it to true; {_BY_COMPONENT}")
    if flag(database.get("publiclyAccessible")):
        yield Finding("publiclyAccessible is true", "the database gets an address on the internet", "leave it out")
    for field in ("masterPassword", "password"):
        if not absent(database.get(field)):
            fix = "set manageMasterUserPassword, so that RDS makes, keeps and rotates it"
            yield Finding(f"{field} is set by the program", "it would lie in Pulumi's state and never rotate", fix)


def _cache(cache: Resource) -> Iterator[Finding]:
    # A cache that follows another has its encryption, and refuses to be told.
    told = _CACHE_ENCRYPTION if absent(cache.get("globalReplicationGroupId")) else ()
    for field, why in told:
        if differs(cache.get(field), True):
            yield Finding(f"{field} is {shown(cache.get(field))}", why, f"set it to true; {_BY_COMPONENT}")
    mode = cache.get("transitEncryptionMode")
    if mode == "preferred":
        why = "clients may still connect without encryption"
        yield Finding(f"transitEncryptionMode is {shown(mode)}", why, "set it to required, or leave it out")
    if all(absent(cache.get(field)) for field in ("authToken", "authTokenWo", "userGroupIds")):
        what = "neither authToken nor userGroupIds is set"
        yield Finding(what, "anything in the network could read the cache", f"give it users; {_BY_COMPONENT}")


def _key(key: Resource) -> Iterator[Finding]:
    spec = key.get("customerMasterKeySpec")
    rotates = spec in (MISSING, "SYMMETRIC_DEFAULT") and key.get("keyUsage") in (MISSING, "ENCRYPT_DECRYPT")
    if rotates and differs(key.get("enableKeyRotation"), True):
        what = f"enableKeyRotation is {shown(key.get('enableKeyRotation'))}"
        yield Finding(what, "one leaked key would open everything ever written", f"set it to true; {_BY_COMPONENT}")
    days = number(key.get("deletionWindowInDays"))
    if key.stage in ("staging", "production") and days is not None and days < _LEAST_DELETION_DAYS:
        what = f"deletionWindowInDays is {days:g}"
        fix = f"set it to {_LEAST_DELETION_DAYS} or more"
        yield Finding(what, "data is lost with its key, and nobody would notice in time", fix)


def _buckets_complete(stack: Stack) -> Iterator[Finding]:
    for token, what, why in (
        (_BLOCK, "no BucketPublicAccessBlock", "nothing keeps a wrong policy from making it public"),
        (_ENCRYPTION, "no BucketServerSideEncryptionConfiguration", "its objects are not under a key of ours"),
    ):
        companions = stack.of(token)
        for bucket in stack.of(_BUCKET):
            if not any(_belongs(companion, bucket) for companion in companions):
                fix = "declare the bucket in storage.buckets, or add the resource beside it"
                yield Finding(f"bucket {bucket.name} has {what}", why, fix, bucket.urn)


def _belongs(companion: Resource, bucket: Resource) -> bool:
    """Whether a companion is about this bucket: by where its `bucket` comes from, else by name."""
    sources = companion.sources.get("bucket")
    if sources:
        return bucket.urn in sources
    named = companion.get("bucket")
    return isinstance(named, str) and named in (bucket.get("bucket"), bucket.get("id"))


STORES_ENCRYPTED_AND_PRIVATE = Rule(
    id="stores-encrypted-and-private",
    title="Buckets, databases, caches and keys are encrypted, private and rotated.",
    severity="critical",
    fix="storage.buckets, postgres, cache",
    checks={
        _BUCKET: _bucket,
        _BLOCK: _public_access,
        _ENCRYPTION: _bucket_encryption,
        "aws:rds/cluster:Cluster": _database,
        "aws:rds/clusterInstance:ClusterInstance": _database,
        "aws:rds/instance:Instance": _database,
        "aws:neptune/cluster:Cluster": _database,
        "aws:neptune/clusterInstance:ClusterInstance": _database,
        "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
        "aws:kms/key:Key": _key,
    },
    join=Join(frozenset({_BUCKET, _BLOCK, _ENCRYPTION}), _buckets_complete),
)
