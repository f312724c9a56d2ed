"""The bucket for the details of scans that are too large for the ledger."""

from __future__ import annotations

from aws_cdk import Acknowledgment, CfnElement, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from eks_readiness import names
from infra.encryption import EncryptionKey
from infra.python_function import PythonFunction

OUTLASTS_ROWS_DAYS = 7
"""DynamoDB forgets a row within days after its time: until then the object that it points to is there.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""
_OBJECTS = f"{names.ARCHIVE_PREFIX}*"


class EvidenceBucket(Construct):
    """A private bucket whose objects go with their scans; also those that nothing points to, after a crash.

    It has no versions: a key holds the digest of what lies under it, so nothing is ever replaced by something else, and
    whoever deletes an object leaves the verdict behind in the ledger. Versions would keep what retention forgets, and
    keep an emptied bucket from being deleted.
    """

    def __init__(
        self, scope: Construct, id: str, *, encryption: EncryptionKey, retention_days: int, retain: bool
    ) -> None:
        super().__init__(scope, id)
        self._encryption = encryption
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="WithItsScan",
                    expiration=Duration.days(retention_days + OUTLASTS_ROWS_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            # No function empties it: whoever wants it gone does that first (docs/operations.md, Uninstalling).
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
        )
        if self.bucket.policy is not None:
            # A bucket that stays must not stay without it.
            self.bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY)
        Validations.of(self.bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="Two functions reach it, each through its own role; access logs would need a bucket that has "
                "none itself. Who must know every access turns on CloudTrail's data events.",
            )
        )

    def allow_writing(self, function: PythonFunction) -> None:
        """Let a function add objects; it cannot read, list or delete them."""
        self._allow(function, "s3:PutObject", "The objects of scans, whose names nobody knows before.")
        self._encryption.allow_objects(function.role)

    def allow_reading(self, function: PythonFunction) -> None:
        """Let a function read objects, and learn that one is gone."""
        self._allow(function, "s3:GetObject", "The objects of scans, whose names the ledger's rows hold.")
        # Without the right to list, S3 does not tell an object that is gone from one that may not be seen.
        function.allow("s3:ListBucket", on=[self.bucket.bucket_arn])
        self._encryption.allow_reading(function.role, "s3")

    def _allow(self, function: PythonFunction, action: str, reason: str) -> None:
        function.allow(action, on=[self.bucket.arn_for_objects(_OBJECTS)])
        resource = self.bucket.node.default_child
        assert isinstance(resource, CfnElement)  # noqa: S101 - a bucket is made of one
        arn = f"<{Stack.of(self).get_logical_id(resource)}.Arn>"
        Validations.of(function.role).acknowledge(
            Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{arn}/{_OBJECTS}]", reason=reason)
        )
