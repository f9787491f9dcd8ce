"""What watches tables, erases persons and deletes what is too old, with the proofs of it."""

import hashlib
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes import apps, batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.data.postgres import PORT, Postgres
from plinth.governance import plan
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.spec.data import Bucket
from plinth.spec.environment import Environment
from plinth.spec.governance import Governance
from plinth.storage import lifecycle
from plinth.storage.bucket import PrivateBucket, private_bucket
from plinth.storage.object_store import ObjectStore
from plinth_runtime import names

WORK_DAYS = 400
"""Days after which quarantined rows and forgotten work go; batches that are fixed go at once."""


class Governor(Component):
    """A Deployment that measures tables, and jobs that erase persons and delete what is too old.

    A request for an erasure is an object below `requests/` of the work bucket; its receipt, signed by a KMS key that
    does nothing else, is in a bucket whose objects nobody can delete before their time.
    """

    work_bucket: pulumi.Output[str]
    """Name of the bucket for requests and quarantine."""

    receipts_bucket: pulumi.Output[str]
    """Name of the bucket for receipts."""

    signing_key_arn: pulumi.Output[str]
    """KMS key that signs receipts: auditors ask it for its public key."""

    def __init__(
        self,
        name: str,
        section: Governance,
        *,
        environment: Environment,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        priority_class: pulumi.Input[str],
        postgres: Postgres,
        storage: ObjectStore,
        bridge: SecretsBridge,
        data_key_arn: pulumi.Input[str],
        runtime_image: str,
        databases_cidr: str,
        scraped_from: str,
        vector_database: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Governor", name, section, environment=environment, opts=opts)
        self._prefix, self._section = name, section
        self._namespace, self._priority_class, self._image = namespace, priority_class, runtime_image
        self._labels, self._vector_database = pods.labels(plan.APP, plan.APP), vector_database
        work, receipts = self._buckets(data_key_arn)
        key = self._signing_key()
        self.work_bucket, self.receipts_bucket, self.signing_key_arn = work.name, receipts.name, key.arn

        rendered = self._rendered(postgres, storage)
        config = core.v1.ConfigMap(
            f"{name}-config",
            metadata=self._metadata(plan.APP),
            data={plan.CONFIG_FILE: rendered},
            opts=self.options(core.v1.ConfigMap),
        )
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(plan.APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=plan.APP,
            policies=self._policies(storage, work, receipts, data_key_arn),
            opts=pulumi.ResourceOptions(parent=self),
        )
        before = [config, account, identity, self._wall(databases_cidr)]
        if section.in_postgres:
            before += [self._credentials(environment, postgres, bridge), *postgres.ready]
        if any(table.measured for table in section.tables):
            self._watch(rendered, [*before, self._scraped(scraped_from)])
        self._job("erase", plan.ERASE_SCHEDULE, ["--requests"], before)
        self._job("retain", plan.RETAIN_SCHEDULE, [], before)
        self.register_outputs(
            {"workBucket": work.name, "receiptsBucket": receipts.name, "signingKeyArn": self.signing_key_arn}
        )

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=self._labels)

    def _buckets(self, key_arn: pulumi.Input[str]) -> tuple[PrivateBucket, PrivateBucket]:
        """For work in progress, and for receipts, which are locked where the stage protects data."""
        protected = self._environment.protects_data
        work = private_bucket(
            self,
            f"{self._prefix}-work",
            key_arn=key_arn,
            # What was deleted is to be gone: versions stay only as long as a mistake needs to be seen.
            rules=lifecycle.plan(Bucket(name="work", expire_after_days=WORK_DAYS, old_version_days=7)),
            keep_on_destroy=protected,
            tags={"data-class": self._environment.data_class},
        )
        receipts = private_bucket(
            self,
            f"{self._prefix}-receipts",
            key_arn=key_arn,
            rules=lifecycle.plan(Bucket(name="receipts")),
            keep_on_destroy=protected,
            tags={"data-class": "confidential"},
            lock=("COMPLIANCE", self._section.receipt_days) if protected else None,
        )
        return work, receipts

    def _signing_key(self) -> aws.kms.Key:
        environment = self._environment
        key = aws.kms.Key(
            f"{self._prefix}-signing",
            description=f"Plinth {environment.name}: signs receipts of deletion",
            customer_master_key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            deletion_window_in_days=30 if environment.protects_data else 7,
            policy=pulumi.Output.json_dumps(documents.key_policy(environment.region, environment.account_id)),
            opts=self.options(aws.kms.Key),
        )
        aws.kms.Alias(
            f"{self._prefix}-signing-alias",
            name=f"alias/plinth/{environment.name}/receipts",
            target_key_id=key.key_id,
            opts=self.options(aws.kms.Alias),
        )
        return key

    def _rendered(self, postgres: Postgres, storage: ObjectStore) -> pulumi.Output[str]:
        section, environment, vector_database = self._section, self._environment.name, self._vector_database
        personal = {files.bucket: storage.names[files.bucket] for files in section.personal_files}

        def render(known: Mapping[str, object]) -> str:
            return plan.config(
                section,
                environment,
                host=str(known["host"]),
                port=int(str(known["port"]).partition(".")[0]),
                buckets={bucket: str(known[f"bucket {bucket}"]) for bucket in personal},
                work=str(known["work"]),
                receipts=str(known["receipts"]),
                key_arn=str(known["key"]),
                vector_database=vector_database,
            ).model_dump_json(indent=2)

        return pulumi.Output.all(
            host=postgres.endpoint,
            port=postgres.port,
            work=self.work_bucket,
            receipts=self.receipts_bucket,
            key=self.signing_key_arn,
            **{f"bucket {bucket}": name for bucket, name in personal.items()},
        ).apply(render)

    def _policies(
        self, storage: ObjectStore, work: PrivateBucket, receipts: PrivateBucket, data_key_arn: pulumi.Input[str]
    ) -> dict[str, pulumi.Input[str]]:
        made = plan.policies(
            region=self._environment.region,
            work_arn=work.arn,
            receipts_arn=receipts.arn,
            personal=[(storage.arns[it.bucket], plan.folder(it.prefix)) for it in self._section.personal_files],
            data_key_arn=data_key_arn,
            signing_key_arn=self.signing_key_arn,
        )
        return {label: pulumi.Output.json_dumps(policy) for label, policy in made.items()}

    def _credentials(self, environment: Environment, postgres: Postgres, bridge: SecretsBridge) -> pulumi.Resource:
        """The master user's credentials: rows of any table may have to go."""
        read = aws.iam.RolePolicy(
            f"{self._prefix}-read-master-secret",
            role=bridge.role_name,
            policy=pulumi.Output.json_dumps(
                documents.read_secrets([postgres.master_secret_arn], postgres.secrets_key_arn, environment.region)
            ),
            opts=self.options(aws.iam.RolePolicy),
        )
        return external_secret(
            f"{self._prefix}-credentials",
            namespace=self._namespace,
            target=plan.CREDENTIALS,
            entries={part: RemoteSecret(postgres.master_secret_arn, part) for part in ("username", "password")},
            store_name=bridge.store_name,
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[read]),
        )

    def _wall(self, databases_cidr: str) -> pulumi.Resource:
        """Every pod of the governor reaches AWS and databases, and nothing reaches it."""
        databases = [pods.allow_addresses(databases_cidr, PORT)] if self._section.in_postgres else []
        return networking.v1.NetworkPolicy(
            f"{self._prefix}-wall",
            metadata=self._metadata(plan.APP),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector(plan.APP)),
                policy_types=["Ingress", "Egress"],
                egress=[
                    pods.allow_dns(),
                    pods.allow_pod_identity(),
                    pods.allow_addresses("0.0.0.0/0", 443),
                    *databases,
                ],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _scraped(self, by: str) -> pulumi.Resource:
        """Monitoring reaches the pod that measures."""
        return networking.v1.NetworkPolicy(
            f"{self._prefix}-scraped",
            metadata=self._metadata(f"{plan.APP}-scraped"),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector(plan.APP, plan.APP)),
                policy_types=["Ingress"],
                ingress=[pods.allow_from([pods.peer(by)], plan.METRICS_PORT)],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _watch(self, rendered: pulumi.Output[str], before: Sequence[pulumi.Resource]) -> None:
        """The pod that measures tables; a new one only when what it is told changes."""
        checksum = rendered.apply(lambda text: hashlib.sha256(text.encode()).hexdigest())
        apps.v1.Deployment(
            f"{self._prefix}-watch",
            metadata=self._metadata(plan.APP),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector(plan.APP, plan.APP)),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels={**self._labels, naming.RUNTIME_LABEL: "true"},
                        annotations={"plinth.dev/config-checksum": checksum},
                    ),
                    spec=self._pod(
                        "watch-tables",
                        [],
                        None,
                        [core.v1.ContainerPortArgs(name=plan.METRICS, container_port=plan.METRICS_PORT)],
                    ),
                ),
            ),
            opts=self.options(apps.v1.Deployment, depends_on=before),
        )

    def _job(self, part: str, schedule: str, arguments: Sequence[str], before: Sequence[pulumi.Resource]) -> None:
        """A part of the runtime that runs now and then: never twice at the same time."""
        labels = {**pods.labels(plan.APP, f"{plan.APP}-{part}")}
        batch.v1.CronJob(
            f"{self._prefix}-{part}",
            metadata=self._metadata(f"{plan.APP}-{part}"),
            spec=batch.v1.CronJobSpecArgs(
                schedule=schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=1800,
                successful_jobs_history_limit=3,
                failed_jobs_history_limit=3,
                job_template=batch.v1.JobTemplateSpecArgs(
                    spec=batch.v1.JobSpecArgs(
                        # The next run does what this one left; at once would meet the same trouble.
                        backoff_limit=0,
                        active_deadline_seconds=3 * 3600,
                        template=core.v1.PodTemplateSpecArgs(
                            metadata=meta.v1.ObjectMetaArgs(labels=labels),
                            spec=self._pod(part, arguments, "Never", []),
                        ),
                    )
                ),
            ),
            opts=self.options(batch.v1.CronJob, depends_on=before),
        )

    def _pod(
        self, part: str, arguments: Sequence[str], restart: str | None, ports: list[core.v1.ContainerPortArgs]
    ) -> core.v1.PodSpecArgs:
        volumes = [core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=plan.APP))]
        mounts = [core.v1.VolumeMountArgs(name="config", mount_path=plan.CONFIG_DIR, read_only=True)]
        if self._section.in_postgres:
            secret = core.v1.SecretVolumeSourceArgs(secret_name=plan.CREDENTIALS)
            volumes.append(core.v1.VolumeArgs(name="credentials", secret=secret))
            mounts.append(core.v1.VolumeMountArgs(name="credentials", mount_path=plan.CREDENTIALS_DIR, read_only=True))
        probe = pods.http_probe(names.METRICS_PATH, plan.METRICS, period=10, failures=6) if ports else None
        container = core.v1.ContainerArgs(
            name=plan.APP,
            image=self._image,
            command=["plinth-runtime", part, *arguments, "--config", f"{plan.CONFIG_DIR}/{plan.CONFIG_FILE}"],
            env=[core.v1.EnvVarArgs(name="AWS_REGION", value=self._environment.region)],
            ports=ports or None,
            startup_probe=probe,
            readiness_probe=probe,
            liveness_probe=probe,
            security_context=pods.container_security(),
            resources=pods.resources(cpu="50m", memory="256Mi", cpu_limit="500m"),
            volume_mounts=mounts,
        )
        return core.v1.PodSpecArgs(
            restart_policy=restart,
            service_account_name=plan.APP,
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=self._priority_class,
            tolerations=[pods.toleration(wanted) for wanted in pods.SYSTEM_TOLERATIONS],
            security_context=pods.pod_security(),
            containers=[container],
            volumes=volumes,
        )
