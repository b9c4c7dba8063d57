"""All technologies behind one filesystem: plain paths go to the home filesystem, full URIs to that of their scheme.

A copy within one technology is that technology's own affair; between two it is a stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import FileFacts, Filesystem, Report
from synergyflow.filesystems.opening import Technologies, technology_of
from synergyflow.filesystems.paths import file_uri_path, normalized, on_this_machine, scheme_of
from synergyflow.filesystems.progress import report_to_log
from synergyflow.filesystems.transfer import copy_across, move_across


class RoutedFilesystem(Filesystem):
    """The filesystem that a cluster shows to actions.

    Args:
        home: what plain paths are of.
        technologies: opens the others, when first asked for.
    """

    def __init__(self, home: Filesystem, technologies: Technologies, report: Report = report_to_log) -> None:
        self.scheme = home.scheme
        self.home = home
        self._technologies = technologies
        self._report = report

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_report": report_to_log}

    def mkdir(self, path: str) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.mkdir(path)

    def rmdir(self, path: str) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.rmdir(path)

    def rm(self, path: str) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.rm(path)

    def cp(self, source: str, target: str) -> None:
        """Copied by the technology itself, or in streams from one to the other."""
        (origin, source), (place, target) = self._route(source), self._route(target)
        if origin.scheme == place.scheme:
            origin.cp(source, target)
        else:
            copy_across(origin, source, place, target)

    def mv(self, source: str, target: str) -> None:
        """Moved by the technology itself, or copied in streams, compared, and then removed."""
        (origin, source), (place, target) = self._route(source), self._route(target)
        if origin.scheme == place.scheme:
            origin.mv(source, target)
        else:
            _refuse_top(source)
            move_across(origin, source, place, target)

    def copy_to_local(self, path: str, local_path: str) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.copy_to_local(path, on_this_machine(local_path))

    def copy_from_local(self, local_path: str, path: str) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.copy_from_local(on_this_machine(local_path), path)

    def exists(self, path: str) -> bool:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.exists(path)

    def ls(self, path: str = "") -> Iterator[str]:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.ls(path)

    def open_for_writing(self, path: str) -> AbstractContextManager[BinaryIO]:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.open_for_writing(path)

    def open_for_reading(self, path: str) -> AbstractContextManager[BinaryIO]:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.open_for_reading(path)

    def walk(self, path: str) -> Iterator[str]:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.walk(path)

    def facts(self, path: str) -> FileFacts:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        return filesystem.facts(path)

    def write_from(self, path: str, origin: BinaryIO, *, within_tree: bool = False) -> None:
        """See `Filesystem`."""
        filesystem, path = self._route(path)
        filesystem.write_from(path, origin, within_tree=within_tree)

    def reporting_to(self, report: Report) -> RoutedFilesystem:
        """The same filesystems, with another to tell."""
        return RoutedFilesystem(self.home.reporting_to(report), self._technologies, report)

    def _route(self, path: str) -> tuple[Filesystem, str]:
        """The filesystem that a path is of, and how it is written there."""
        scheme = scheme_of(path)
        if scheme == "file":
            path = file_uri_path(path)
        if scheme is None or technology_of(scheme) == technology_of(self.home.scheme):
            return self.home, path
        filesystem = self._technologies.of(scheme)
        if self._report is report_to_log:
            return filesystem, path
        return filesystem.reporting_to(self._report), path


def _refuse_top(path: str) -> None:
    """Refuse the root or a whole bucket before anything of it is copied; what else may not be removed comes later."""
    place = path.partition("://")[2].partition("/")[2] if scheme_of(path) else path
    if not normalized(place, "the root", path):
        raise FilesystemError(
            f"{path or '.'} is a bucket or the root, which is not moved", hint="name what is in it, or copy it"
        )
