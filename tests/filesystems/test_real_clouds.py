"""The exam on the real clouds, each where a variable names a folder in a bucket that the tests may fill and empty.

`SYNERGYFLOW_TEST_S3=s3://bucket/folder`, `SYNERGYFLOW_TEST_GCS=gs://…`, `SYNERGYFLOW_TEST_AZURE=wasbs://…`; credentials
come from the default chains.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from synergyflow.bootstrap import Site, filesystem_of
from synergyflow.filesystems.base import Filesystem
from synergyflow.testing.conformance.filesystems import FilesystemExam


class CloudExam(FilesystemExam):
    """The exam below a folder of its own, which is removed afterwards."""

    variable: ClassVar[str]

    @pytest.fixture
    def files(self, tmp_path: Path) -> Iterator[Filesystem]:
        top = os.environ.get(self.variable)
        if not top:
            pytest.skip(f"{self.variable} names no folder in a bucket")
        root = f"{top.rstrip('/')}/exam-{uuid4().hex}"
        yield filesystem_of(Site(tmp_path, tmp_path, root))
        filesystem_of(Site(tmp_path, tmp_path, None)).rm(root)


@pytest.mark.cloud
class TestRealS3(CloudExam):
    variable = "SYNERGYFLOW_TEST_S3"


@pytest.mark.cloud
class TestRealGcs(CloudExam):
    variable = "SYNERGYFLOW_TEST_GCS"


@pytest.mark.cloud
class TestRealAzure(CloudExam):
    variable = "SYNERGYFLOW_TEST_AZURE"
    unusable = "\\"
