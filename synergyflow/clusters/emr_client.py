"""The border to AWS: the one file of the clusters that imports boto3, and that knows how its errors look.

Calls that make something (a cluster, steps) are tried exactly once, since AWS has no token that would tell a second try
from a second wish: what became of an unclear one is found out by looking. Reads and endings may be tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from synergyflow.errors import ClusterError, ConfigurationError

if TYPE_CHECKING:
    from botocore.client import BaseClient

MOST_STEP_IDS = 10

_THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded"}
)
_NO_CREDENTIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_PIECE = 1 << 16
_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
_HOW_TO_SIGN_IN = "give AWS credentials: AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"

T = TypeVar("T")


class Refused(ClusterError):
    """AWS said no: the call had no effect. `code` is its word for why."""

    def __init__(self, message: str, *, code: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code

    @property
    def is_about_credentials(self) -> bool:
        """Whether other credentials could help, so that it is not the request that is wrong."""
        return self.code in _NO_CREDENTIALS


class Unclear(ClusterError):
    """No answer, or one that does not tell: the call may have had its effect (a throttled one too)."""


class EmrClient:
    """EMR's calls, and reading what it keeps in S3. Nothing is connected before the first call; safe for threads."""

    def __init__(
        self, *, region: str | None = None, endpoint_url: str | None = None, s3_endpoint_url: str | None = None
    ) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._s3_endpoint_url = s3_endpoint_url
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, int], BaseClient] = {}

    def check(self) -> None:
        """See that calls can be made at all: library, region, credentials. Calls nothing of EMR.

        Raises:
            ConfigurationError: something is missing; the hint says how to give it.
        """
        self._client("emr")
        if self._session.get_credentials() is None:
            raise ConfigurationError("there are no AWS credentials", hint=_HOW_TO_SIGN_IN)

    def run_job_flow(self, request: Mapping[str, Any]) -> str:
        """Launch a cluster; its id."""
        cluster_id: str = self._once("RunJobFlow", request)["JobFlowId"]
        return cluster_id

    def add_steps(self, cluster_id: str, steps: Sequence[Mapping[str, Any]]) -> list[str]:
        """Hand over steps; their ids in the same order."""
        answer = self._once("AddJobFlowSteps", {"JobFlowId": cluster_id, "Steps": list(steps)})
        return list(answer["StepIds"])

    def describe_cluster(self, cluster_id: str) -> dict[str, Any] | None:
        """All about the cluster; None if AWS does not know it."""
        try:
            cluster: dict[str, Any] = self._again("DescribeCluster", {"ClusterId": cluster_id})["Cluster"]
        except Refused as refusal:
            if _is_unknown_id(refusal):
                return None
            raise
        return cluster

    def clusters(self, states: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Summaries of all clusters in these states, page by page."""
        return self._pages("ListClusters", {"ClusterStates": list(states)}, "Clusters")

    def steps(self, cluster_id: str) -> Iterator[dict[str, Any]]:
        """The steps of the cluster, newest first, page by page as they are taken."""
        return self._pages("ListSteps", {"ClusterId": cluster_id}, "Steps")

    def steps_by_id(self, cluster_id: str, step_ids: Sequence[str]) -> list[dict[str, Any]]:
        """These steps, at most ten; those that the cluster does not know are left out."""
        try:
            return list(self._pages("ListSteps", {"ClusterId": cluster_id, "StepIds": list(step_ids)}, "Steps"))
        except Refused as refusal:
            if not _is_unknown_id(refusal):
                raise
            if len(step_ids) == 1:
                return []
        return [step for step_id in step_ids for step in self.steps_by_id(cluster_id, [step_id])]

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str], *, force: bool) -> None:
        """Ask for the end of steps. Steps that have ended are left alone by AWS."""
        how = "TERMINATE_PROCESS" if force else "SEND_INTERRUPT"
        self._again("CancelSteps", {"ClusterId": cluster_id, "StepIds": list(step_ids), "StepCancellationOption": how})

    def unprotect(self, cluster_id: str) -> None:
        """Lift the protection of a cluster from being terminated."""
        self._again("SetTerminationProtection", {"JobFlowIds": [cluster_id], "TerminationProtected": False})

    def terminate(self, cluster_id: str) -> None:
        """Ask for the end of the cluster."""
        self._again("TerminateJobFlows", {"JobFlowIds": [cluster_id]})

    def object_pieces(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """The bytes of an object of S3, piece by piece; None if there is none."""
        try:
            answer = self._call("s3", 3, "GetObject", {"Bucket": bucket, "Key": key})
        except Refused as refusal:
            if refusal.code in _NOT_THERE:
                return None
            raise
        body = answer["Body"]
        return iter(lambda: translated("GetObject", lambda: body.read(_PIECE)), b"")

    def object_names(self, bucket: str, prefix: str) -> list[str]:
        """Keys of S3 that begin with the prefix, at most the first thousand."""
        answer = self._call("s3", 3, "ListObjectsV2", {"Bucket": bucket, "Prefix": prefix})
        return [entry["Key"] for entry in answer.get("Contents", ())]

    # -- how calls are made -------------------------------------------------------------------------------------------

    def _once(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("emr", 1, operation, request)

    def _again(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("emr", 2, operation, request)

    def _pages(self, operation: str, request: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
        marker: dict[str, str] = {}
        while True:
            page = self._again(operation, {**request, **marker})
            yield from page.get(name, ())
            if not page.get("Marker"):
                return
            marker = {"Marker": page["Marker"]}

    def _call(self, service: str, attempts: int, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        from botocore import xform_name

        method = getattr(self._client(service, attempts), xform_name(operation))
        answer: dict[str, Any] = translated(operation, lambda: method(**request))
        return answer

    def _client(self, service: str, attempts: int = 2) -> BaseClient:
        with self._lock:
            client = self._clients.get((service, attempts))
            if client is None:
                client = self._clients[service, attempts] = self._make(service, attempts)
        return client

    def _make(self, service: str, attempts: int) -> BaseClient:
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise ConfigurationError(
                "clusters of type emr need boto3, which is not installed", hint='pip install "synergyflow[aws]"'
            ) from None
        endpoint = self._s3_endpoint_url if service == "s3" else self._endpoint_url
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=32,
            user_agent_extra="synergyflow",
            s3={"addressing_style": "path"} if service == "s3" and endpoint else None,
        )
        try:
            self._session = self._session or boto3.Session(region_name=self._region)
            client: BaseClient = self._session.client(service, endpoint_url=endpoint, config=config)
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError(f"AWS can't be called: {error}", hint='name the region: region = "…"') from None
        return client


def translated(operation: str, call: Callable[[], T]) -> T:
    """What the call returns.

    Raises:
        Refused: AWS has refused it; its `code` is AWS's word for why.
        Unclear: it may have had its effect.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )

    try:
        return call()
    except ClientError as error:
        raise _of_answer(operation, error.response) from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Refused(f"{operation}: {error}", hint=_HOW_TO_SIGN_IN, code="AccessDenied") from None
    except ParamValidationError as error:
        raise Refused(f"{operation}: {error}", hint="correct the profile or the job") from None
    except (BotoCoreError, OSError) as error:
        raise Unclear(f"{operation}: no answer from AWS: {error}") from None


def _of_answer(operation: str, answer: Mapping[str, Any]) -> ClusterError:
    code = str(answer.get("Error", {}).get("Code", ""))
    message = f"{operation}: {answer.get('Error', {}).get('Message', '')} ({code})"
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _THROTTLES or status == 429:
        return Unclear(message, hint="AWS limits the rate of calls; it is tried again later")
    if status >= 500 or code in ("InternalServerException", "InternalServerError", "InternalFailure"):
        return Unclear(message)
    return Refused(message, code=code, hint=_HOW_TO_SIGN_IN if code in _NO_CREDENTIALS else None)


def _is_unknown_id(refusal: Refused) -> bool:
    said = str(refusal)
    return refusal.code in ("InvalidRequestException", "ValidationException") and (
        "is not valid" in said or "does not exist" in said
    )
