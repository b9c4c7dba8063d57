"""The project folder of the demonstration: prepared afresh, in a folder that is the demonstration's own or empty.

A marker file says that a folder is its own. Only what the demonstration put there is removed, and nothing that a
link points to.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from synergyflow.demo import dataset
from synergyflow.errors import ConfigurationError

_MARKER = ".synergyflow-demo"
_OWN = ("contexts", "clusters", "flows", "data", "logs")

_CONTEXT = """\
# The environment of the demonstration. Relative paths are relative to the folder above contexts/.
flows = ["flows"]
cluster = "local"
number_of_clusters = 2
bucket = "data"
log_directory = "logs"
"""

_PROFILE = """\
# A cluster that is this machine: each one takes two steps at a time.
type = "local"
slots = 2
"""


@dataclass(frozen=True, slots=True)
class Project:
    """Where things are in the folder of the demonstration."""

    directory: Path

    @property
    def context(self) -> Path:
        """The file of the context."""
        return self.directory / "contexts" / "demo.toml"

    @property
    def flow(self) -> Path:
        """The file that defines the flow: a copy, to be changed at will."""
        return self.directory / "flows" / "flight_delays.py"

    def report(self, timeperiod: str) -> Path:
        """The report of one timeperiod."""
        return self.directory / "data" / "flight_delays" / timeperiod / "report.html"

    def feed(self, day: date) -> Path:
        """The file by which the weather of that day arrives."""
        return self.directory / "data" / "feed" / "weather" / f"{day:%Y%m%d}00.csv"


def prepare(directory: Path, *, late: Iterable[date]) -> Project:
    """Make the folder afresh; the weather feed has delivered every day but those that are `late`.

    Raises:
        ConfigurationError: the folder holds something else, can't be written, or the data set is not installed.
    """
    weather, columns = dataset.weather_by_day(), dataset.weather_columns()
    project = Project(directory)
    try:
        _clear(directory)
        _write(project.context, _CONTEXT)
        _write(directory / "clusters" / "local.toml", _PROFILE)
        _write(project.flow, _flow_file())
        project.feed(dataset.FIRST_DAY).parent.mkdir(parents=True)
        for day in sorted(weather.keys() - set(late)):
            _deliver(project.feed(day), columns, weather[day])
    except OSError as error:
        raise ConfigurationError(
            f"the folder {str(directory)!r} can't be prepared: {error.strerror or error}",
            hint="choose another one: engine demo --directory DIR",
        ) from None
    return project


def deliver(project: Project, day: date) -> Path:
    """Let the weather of that day arrive, and return its file."""
    path = project.feed(day)
    _deliver(path, dataset.weather_columns(), dataset.weather_by_day()[day])
    return path


def _clear(directory: Path) -> None:
    """Make an empty folder of the demonstration's own."""
    marker = directory / _MARKER
    if directory.exists() and not marker.is_file() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            f"{str(directory)!r} is there already and is not a folder of the demonstration",
            hint="choose another one: engine demo --directory DIR",
        )
    directory.mkdir(parents=True, exist_ok=True)
    marker.write_text("This folder belongs to `engine demo`, which starts afresh in it.\n", encoding="utf-8")
    for name in _OWN:
        path = directory / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _deliver(path: Path, columns: list[str], rows: list[dataset.Row]) -> None:
    """A feed's file appears whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.rename(path)


def _flow_file() -> str:
    return (files("synergyflow.demo.flow") / "flight_delays.py").read_text(encoding="utf-8")
