"""What the emulator refuses, in the words of gRPC, and the checks that lead there."""

from __future__ import annotations

import re
from typing import Any

from google.cloud.dataproc_v1.types import Cluster, Job

_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{0,40}")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_FORTNIGHT = 14 * 24 * 3600
_KINDS_OF_JOB = (
    *("hadoop_job", "spark_job", "pyspark_job", "hive_job", "pig_job", "spark_r_job"),
    *("spark_sql_job", "presto_job", "trino_job", "flink_job"),
)


class CallRefused(Exception):
    """An answer other than OK. `code` is gRPC's word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> CallRefused:
    """The refusal of a request that can't be right whatever the state of things."""
    return CallRefused("INVALID_ARGUMENT", message)


def check_request_id(request_id: str) -> None:
    """Refuse a request id that Dataproc would refuse."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise invalid(f"request_id '{request_id}' has more than 40 characters or others than letters, digits, _ and -")


def check_cluster(cluster: Cluster) -> None:
    """Refuse a cluster that Dataproc would refuse."""
    if not _CLUSTER_NAME.fullmatch(cluster.cluster_name):
        raise invalid(f"Cluster name '{cluster.cluster_name}' must match pattern {_CLUSTER_NAME.pattern}")
    _check_labels(cluster.labels)
    workers, secondary = cluster.config.worker_config, cluster.config.secondary_worker_config
    if workers.num_instances == 1:
        raise invalid("Cluster must have 0 or at least 2 primary workers")
    if secondary.num_instances and not workers.num_instances:
        raise invalid("Secondary workers need primary workers")
    life = cluster.config.lifecycle_config
    _check_seconds("idle_delete_ttl", life.idle_delete_ttl, 300)
    _check_seconds("auto_delete_ttl", life.auto_delete_ttl, 600)


def check_job(job: Job) -> None:
    """Refuse a job that Dataproc would refuse."""
    if job.reference.job_id and not _JOB_ID.fullmatch(job.reference.job_id):
        raise invalid(f"Job id '{job.reference.job_id}' must match pattern {_JOB_ID.pattern}")
    if not job.placement.cluster_name:
        raise invalid("Job has no cluster")
    if not any(kind in job for kind in _KINDS_OF_JOB):
        raise invalid("Job has no type")
    _check_labels(job.labels)


def check_job_id(job_id: str) -> None:
    """Refuse what can't be the id of a job."""
    if not _JOB_ID.fullmatch(job_id):
        raise invalid(f"Job id '{job_id}' must match pattern {_JOB_ID.pattern}")


def _check_labels(labels: Any) -> None:
    if len(labels) > 32:
        raise invalid("No more than 32 labels can be given")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Label '{key}={value}' is not allowed")


def _check_seconds(name: str, duration: Any, least: int) -> None:
    if duration and not least <= duration.total_seconds() <= _FORTNIGHT:
        raise invalid(f"{name} must be between {least} and {_FORTNIGHT} seconds")
