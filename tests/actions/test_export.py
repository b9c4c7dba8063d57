"""A table or query of a database as a CSV file."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from synergyflow.actions import ExportAction
from synergyflow.errors import ActionError, DefinitionError


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'source.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER, name TEXT)")
        connection.exec_driver_sql("INSERT INTO numbers VALUES (1, 'one'), (2, NULL), (3, 'a \"b\", c\nd'), (4, 'ö')")
    engine.dispose()
    return url


@pytest.fixture
def export(bind: Any, cluster: Any, database: str) -> Any:
    """Runs an export and reads what it wrote."""

    def run(path: str, /, *arguments: Any, parameters: Any = None, **keywords: Any) -> str:
        action = ExportAction(*arguments, **{"database_url": database, **keywords})
        bind(action, parameters=parameters)
        action.run(cluster)
        return (cluster.folder / "bucket" / path).read_bytes().decode()

    return run


def test_a_table_is_written_under_the_timeperiod_and_its_name(export: Any, caplog: pytest.LogCaptureFixture) -> None:
    text = export("2013010100/numbers.csv", "numbers")
    assert text == 'n,name\n1,one\n2,\n3,"a ""b"", c\nd"\n4,ö\n'
    assert f"exported 4 rows, {len(text.encode())} bytes of table numbers to 2013010100/numbers.csv" in caplog.text


def test_delimiter_header_null_and_path_are_as_asked_for(export: Any) -> None:
    text = export("2013010100.tsv", "numbers", path="{timeperiod}.tsv", delimiter="\t", header=False, null="\\N")
    assert text.splitlines()[:2] == ["1\tone", "2\t\\N"]


def test_a_query_may_use_the_timeperiod_and_parameters(export: Any) -> None:
    query = "SELECT n, :timeperiod AS t FROM numbers WHERE n > :least AND name NOT LIKE 'x%' OR name = '\\:x'"
    text = export("2013010100/export.csv", query=query, parameters={"least": 2, "unused": 1})
    assert text == "n,t\n3,2013010100\n4,2013010100\n"


def test_a_query_that_names_what_is_not_there_is_refused(export: Any) -> None:
    with pytest.raises(ActionError, match="names :nowhere"):
        export("x", query="SELECT :nowhere")


def test_values_are_written_faithfully(export: Any, database: str) -> None:
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            'CREATE TABLE "Mixed Kinds" (flag BOOLEAN, price NUMERIC(12, 2), free NUMERIC, at DATETIME, day DATE,'
            " raw BLOB, rate FLOAT, big INTEGER, empty TEXT)"
        )
        connection.exec_driver_sql(
            'INSERT INTO "Mixed Kinds" VALUES'
            " (1, 12.5, 0.1, '2013-01-02 03:04:05.000000', '2013-01-02', x'00ff', 0.1, 9223372036854775807, ''),"
            " (0, 12.345, 7, 'soon', NULL, NULL, 1e300, -1, NULL)"
        )
    engine.dispose()
    rows = list(csv.reader(io.StringIO(export("2013010100/Mixed Kinds.csv", "Mixed Kinds", null="NULL"))))
    assert rows[1] == ["true", "12.50", "0.1", "2013-01-02T03:04:05", "2013-01-02", "00ff", "0.1", str(2**63 - 1), ""]
    assert rows[2] == ["false", "12.345", "7", "soon", "NULL", "NULL", "1e+300", "-1", "NULL"]


def test_a_table_may_be_named_with_its_schema_and_a_view_is_a_table(export: Any, database: str) -> None:
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW few AS SELECT n FROM numbers WHERE n < 3")
    engine.dispose()
    assert export("2013010100/main.few.csv", "main.few") == "n\n1\n2\n"


def test_an_empty_table_is_a_file_with_only_a_header(export: Any) -> None:
    assert export("2013010100/export.csv", query="SELECT n FROM numbers WHERE n > 9") == "n\n"


def test_a_table_that_is_not_there_is_named_with_its_database(export: Any, cluster: Any) -> None:
    with pytest.raises(ActionError, match=r"there is no table 'nowhere' in sqlite:///.*source.db"):
        export("x", "nowhere")
    assert not cluster.filesystem.exists("2013010100")


def test_a_name_that_is_no_table_cannot_smuggle_sql(export: Any) -> None:
    with pytest.raises(ActionError, match="there is no table"):
        export("x", 'numbers"; DROP TABLE numbers; --')
    assert export("2013010100/numbers.csv", "numbers").startswith("n,name\n1,")


def test_a_database_that_is_not_there_is_not_made(export: Any, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="there is no database"):
        export("x", "numbers", database_url=f"sqlite:///{tmp_path / 'nowhere.db'}")
    assert not (tmp_path / "nowhere.db").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url with s3cret", "database_url is no database URL"),
        ("nodialect://u:s3cret@h/d", "there is no driver for nodialect"),
        ("postgresql+psycopg://u:s3cret@127.0.0.1:1/d", "can't be exported from"),
    ],
)
def test_no_message_has_the_password(export: Any, url: str, message: str) -> None:
    with pytest.raises(ActionError) as caught:
        export("x", "numbers", database_url=url)
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value) + str(caught.value.hint)


def test_the_url_is_a_setting_of_the_context_unless_given(bind: Any, cluster: Any, database: str) -> None:
    action = ExportAction("numbers")
    bind(action, settings={"export_database_url": database})
    action.run(cluster)
    assert cluster.filesystem.exists("2013010100/numbers.csv")
    bind(action)
    with pytest.raises(ActionError, match="the setting 'export_database_url' is not there"):
        action.run(cluster)


def test_the_url_may_be_a_secret_of_the_context(bind: Any, cluster: Any, database: str) -> None:
    action = ExportAction("numbers", database_secret="DB")
    runtime = bind(action)
    with pytest.raises(ActionError, match="the secret 'DB' is not there"):
        action.run(cluster)
    known = ("flow_name", "timeperiod", "start_timeperiod", "end_timeperiod", "parameters", "settings", "root")
    context = SimpleNamespace(secrets={"DB": database}, **{name: getattr(runtime.context, name) for name in known})
    action.bind(type(runtime)(context, "s", runtime.logger, runtime.stopping))  # type: ignore[arg-type]
    action.run(cluster)
    assert cluster.filesystem.exists("2013010100/numbers.csv")


def test_an_export_that_fails_on_the_way_leaves_no_file(export: Any, cluster: Any, database: str) -> None:
    query = "SELECT CASE WHEN n < 4 THEN n ELSE abs(-9223372036854775808) END FROM numbers"
    with pytest.raises(ActionError, match=r"the query can't be exported from sqlite.*integer overflow"):
        export("x", query=query, path="folder/out.csv", chunk_size=1)
    assert not cluster.filesystem.exists("folder/out.csv")


def test_an_export_that_is_asked_to_stop_leaves_no_file(bind: Any, cluster: Any, database: str) -> None:
    action = ExportAction("numbers", database_url=database, path="out.csv")
    bind(action).stopping.set()
    with pytest.raises(ActionError, match="was stopped after 0 rows"):
        action.run(cluster)
    assert not cluster.filesystem.exists("out.csv")


def test_no_more_than_a_chunk_is_in_memory(bind: Any, cluster: Any, database: str) -> None:
    query = (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 60000)"
        " SELECT n, printf('%0200d', n) AS wide FROM r"
    )
    warm = ExportAction(query="SELECT 1", database_url=database, path="warm.csv")
    action = ExportAction(query=query, database_url=database, path="big.csv", chunk_size=500)
    bind(warm)
    bind(action)
    warm.run(cluster)
    tracemalloc.start()
    action.run(cluster)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (cluster.folder / "bucket/big.csv").stat().st_size > 12_000_000
    assert peak < 3_000_000


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"table_name": "a", "query": "SELECT 1"},
        {"table_name": "a", "delimiter": ",,"},
        {"table_name": "a", "delimiter": '"'},
        {"table_name": "a", "chunk_size": 0},
        {"table_name": "a", "chunk_size": True},
        {"table_name": "a", "database_url": "x", "database_secret": "y"},
        {"table_name": "a", "path": ""},
    ],
)
def test_a_wrong_export_is_refused_when_it_is_written(keywords: Any) -> None:
    with pytest.raises(DefinitionError):
        ExportAction(**keywords)


def test_neither_sqlalchemy_nor_cloudpickle_is_loaded_before_it_is_needed() -> None:
    code = "import sys, synergyflow.actions; print({'sqlalchemy', 'cloudpickle'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_a_table_of_postgresql_is_written_faithfully(bind: Any, cluster: Any, empty_postgresql_url: str) -> None:
    url = empty_postgresql_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "Sales"')
        connection.exec_driver_sql(
            'CREATE TABLE "Sales".orders ("Price" NUMERIC, flag BOOLEAN, at TIMESTAMPTZ, day DATE, raw BYTEA,'
            " doc JSONB, tags TEXT[], id UUID, rate DOUBLE PRECISION, note TEXT)"
        )
        connection.exec_driver_sql(
            "INSERT INTO \"Sales\".orders VALUES (123456789012345678901234567890.10, true, '2013-01-02 03:04:05Z',"
            " '2013-01-02', '\\x00ff', '{\"a\": [1, null]}', ARRAY['x', NULL], '00000000-0000-0000-0000-000000000001',"
            " 0.1, '50%%'), (NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
        connection.exec_driver_sql("SET timezone = 'UTC'")
    engine.dispose()
    action = ExportAction("Sales.orders", database_url=url, path="out.csv", null="NULL", chunk_size=1)
    bind(action)
    action.run(cluster)
    rows = list(csv.reader((cluster.folder / "bucket/out.csv").open(newline="")))
    assert rows[0][:2] == ["Price", "flag"]
    assert rows[1][:2] == ["123456789012345678901234567890.10", "true"]
    assert datetime.fromisoformat(rows[1][2]) == datetime(2013, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert rows[1][3:7] == ["2013-01-02", "00ff", '{"a": [1, null]}', '["x", null]']
    assert rows[1][7:] == ["00000000-0000-0000-0000-000000000001", "0.1", "50%"]
    assert rows[2] == ["NULL", "false", *["NULL"] * 8]


def test_rows_of_postgresql_are_streamed(bind: Any, cluster: Any, empty_postgresql_url: str) -> None:
    url = empty_postgresql_url.replace("postgresql://", "postgresql+psycopg://", 1)
    query = "SELECT n, repeat('x', 200) AS wide, '50%' LIKE '5%' AS like FROM generate_series(1, 60000) AS n"
    action = ExportAction(query=query, database_url=url, path="big.csv", chunk_size=500)
    bind(action)
    tracemalloc.start()
    action.run(cluster)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    lines = (cluster.folder / "bucket/big.csv").read_text().splitlines()
    assert len(lines) == 60001
    assert lines[-1] == f"60000,{'x' * 200},true"
    assert peak < 6_000_000
