"""What the governor is told, and what it may do. Pure, but for Outputs that pass through."""

from collections.abc import Mapping, Sequence

import pulumi

from plinth.security import documents
from plinth.spec.governance import Governance, Table
from plinth_runtime.governance.config import (
    ClassRules,
    Collection,
    Column,
    Contract,
    GovernanceConfig,
    Hold,
    HttpLineage,
    KmsKey,
    Objects,
    PostgresStore,
    Receipts,
    S3Place,
    Store,
)

APP = "governor"
"""Name of the Deployment, and label of every pod that governs data."""

CONFIG_DIR, CONFIG_FILE = "/etc/plinth/governance", "governance.json"
CREDENTIALS = "governor-postgres"
CREDENTIALS_DIR = "/etc/plinth/postgres"
METRICS_PORT, METRICS = 9090, "metrics"

ERASE_SCHEDULE = "17 * * * *"
"""Every hour, a little after it: a request waits for an hour at most."""

RETAIN_SCHEDULE = "43 1 * * *"
"""Every night."""


def database_store(database: str) -> str:
    """Name of the store of a database of the platform's PostgreSQL."""
    return f"postgres-{database.replace('_', '-')}"


def contract(table: Table) -> Contract:
    """A table's contract as the runtime reads it."""
    per_day = table.rows_per_day
    return Contract(
        name=table.name,
        version=table.version,
        owner=table.owner,
        data_class=table.data_class,
        store=database_store(table.database),
        schema_name=table.schema_name,
        table=table.table,
        columns=[Column(**column.model_dump()) for column in table.columns],
        key=table.key,
        subject=table.subject,
        written=table.written,
        freshness_minutes=table.freshness_minutes,
        least_rows_a_day=per_day.least if per_day else None,
        most_rows_a_day=per_day.most if per_day else None,
    )


def config(
    section: Governance,
    environment: str,
    *,
    host: str,
    port: int,
    buckets: Mapping[str, str],
    work: str,
    receipts: str,
    key_arn: str,
    vector_database: str | None = None,
) -> GovernanceConfig:
    """Everything that the governor is told.

    Args:
        section: the spec.
        environment: name of the environment.
        host: of PostgreSQL's writer.
        port: of PostgreSQL.
        buckets: physical name of each bucket with personal files.
        work: physical name of the bucket for quarantine and unfinished work.
        receipts: physical name of the bucket for receipts, which locks what is written.
        key_arn: KMS key that signs receipts.
        vector_database: database of the pgvector store, where there is one.
    """
    databases = dict.fromkeys(table.database for table in section.tables)
    if section.personal_vectors and vector_database:
        databases |= {vector_database: None}
    stores: list[Store] = [
        PostgresStore(name=database_store(name), host=host, port=port, database=name, credentials_dir=CREDENTIALS_DIR)
        for name in databases
    ]
    return GovernanceConfig(
        environment=environment,
        stores=stores,
        tables=[contract(table) for table in section.tables],
        objects=[
            Objects(
                name=f"bucket-{files.bucket}-{number}",
                data_class=section.holdings.buckets.get(files.bucket) or section.holdings.others or "",
                place=S3Place(bucket=buckets[files.bucket]),
                subject_prefix=files.prefix,
            )
            for number, files in enumerate(section.personal_files, 1)
        ],
        collections=[
            Collection(
                name=f"vectors-{vectors.collection.replace('_', '-')}",
                data_class=section.holdings.collections.get(vectors.collection) or section.holdings.others or "",
                store=database_store(vector_database),
                table=vectors.collection,
                subject_field=vectors.subject_field,
            )
            for vectors in section.personal_vectors
            if vector_database
        ],
        classes=[
            # Objects go by their bucket's lifecycle; rows go by what is said here.
            ClassRules(name=rules.name, retention_days=rules.retention_days, deletion=rules.deletion)
            for rules in section.classes
        ],
        holds=[Hold(**hold.model_dump()) for hold in section.holds],
        work=S3Place(bucket=work),
        receipts=Receipts(place=S3Place(bucket=receipts), signer=KmsKey(key_id=key_arn)),
        lineage=HttpLineage(url=section.lineage.url) if section.lineage else None,
        port=METRICS_PORT,
    )


def policies(
    *,
    region: str,
    work_arn: documents.Text,
    receipts_arn: documents.Text,
    personal: Sequence[tuple[documents.Text, str]],
    data_key_arn: documents.Text,
    signing_key_arn: documents.Text,
) -> dict[str, documents.Document]:
    """What the governor may do: use its own two buckets, delete personal files it cannot read, and sign.

    Args:
        region: AWS region.
        work_arn: bucket for quarantine and unfinished work.
        receipts_arn: bucket for receipts, of which none can be deleted.
        personal: buckets with personal files, and the folder that these are below.
        data_key_arn: KMS key of the buckets.
        signing_key_arn: KMS key that signs receipts.
    """
    through_s3 = {
        "StringEquals": {
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": [work_arn, receipts_arn],
        }
    }
    deleting = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    made = {
        "buckets": documents.document(
            documents.allow(["s3:ListBucket", "s3:ListBucketVersions"], [work_arn], sid="ListWork"),
            documents.allow(["s3:GetObject", "s3:PutObject", *deleting], [_below(work_arn, "")], sid="Work"),
            documents.allow(["s3:ListBucket"], [receipts_arn], sid="ListReceipts"),
            documents.allow(["s3:GetObject", "s3:PutObject"], [_below(receipts_arn, "")], sid="Receipts"),
            documents.allow(["kms:Decrypt", "kms:GenerateDataKey"], [data_key_arn], condition=through_s3, sid="Key"),
        ),
        "sign": documents.document(documents.allow(["kms:Sign", "kms:GetPublicKey"], [signing_key_arn], sid="Sign")),
    }
    if personal:
        made["personal-files"] = documents.document(
            *(
                statement
                for arn, folder in personal
                for statement in (
                    documents.allow(
                        ["s3:ListBucketVersions"], [arn], condition={"StringLike": {"s3:prefix": [f"{folder}*"]}}
                    ),
                    documents.allow(deleting, [_below(arn, folder)]),
                )
            )
        )
    return made


def _below(bucket_arn: documents.Text, folder: str) -> documents.Text:
    return pulumi.Output.concat(bucket_arn, f"/{folder}*")


def folder(prefix: str) -> str:
    """What every person's prefix starts with."""
    return prefix.partition("{subject}")[0]
