"""A store on each kind of database, and the builders of plans and events that its tests tell their stories with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synergyflow.store.sql import SqlStore
from tests.store.story import Story


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """A store in which nothing was run yet."""
    made = SqlStore(database_url)
    yield made
    made.close()


@pytest.fixture
def story(store: SqlStore, database_url: str) -> Story:
    """One engine and its flow run."""
    return Story(store, database_url)
