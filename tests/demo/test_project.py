"""The folder of the demonstration is made afresh, and never in a folder that holds something else."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from synergyflow.demo import dataset
from synergyflow.demo.project import deliver, prepare
from synergyflow.errors import ConfigurationError

LATE = date(2013, 1, 2)

pytestmark = pytest.mark.usefixtures("data_folder")


def test_feed_has_delivered_every_day_but_the_late_one(tmp_path: Path) -> None:
    project = prepare(tmp_path / "demo", late=[LATE])
    assert [day for day in dataset.days() if not project.feed(day).exists()] == [LATE]


def test_feed_of_a_day_without_observations_is_a_table_without_rows(tmp_path: Path) -> None:
    project = prepare(tmp_path / "demo", late=[])
    with project.feed(date(2013, 12, 31)).open(encoding="utf-8", newline="") as lines:
        assert list(csv.reader(lines)) == [dataset.weather_columns()]


def test_a_late_file_arrives_with_the_weather_of_its_day(tmp_path: Path) -> None:
    project = prepare(tmp_path / "demo", late=[LATE])
    path = deliver(project, LATE)
    assert path == project.feed(LATE)
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows == dataset.weather_by_day()[LATE]
    assert len(rows) == 72


def test_preparing_again_starts_afresh(tmp_path: Path) -> None:
    project = prepare(tmp_path / "demo", late=[])
    stale = project.report("2013010100")
    stale.parent.mkdir(parents=True)
    stale.touch()
    again = prepare(tmp_path / "demo", late=[LATE])
    assert not stale.exists()
    assert not again.feed(LATE).exists()
    assert again.context.is_file()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "data" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(ConfigurationError, match="not a folder of the demonstration") as refused:
        prepare(tmp_path, late=[])
    assert "--directory" in str(refused.value.hint)
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "precious.txt"]
    assert precious.read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(ConfigurationError, match="not a folder of the demonstration"):
        prepare(tmp_path / "demo", late=[])
    assert (tmp_path / "demo").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="can't be prepared"):
        prepare(tmp_path / "file" / "demo", late=[])


def test_what_a_link_points_to_is_not_removed(tmp_path: Path) -> None:
    project = prepare(tmp_path / "demo", late=[])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("mine")
    logs = project.directory / "logs"
    logs.symlink_to(elsewhere, target_is_directory=True)
    prepare(tmp_path / "demo", late=[])
    assert (elsewhere / "precious.txt").read_text() == "mine"
    assert not logs.exists()


def test_without_the_data_set_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as missing:
        prepare(tmp_path / "demo", late=[])
    assert missing.value.hint == 'install them: pip install "synergyflow[demo]"'
    assert not (tmp_path / "demo").exists()
