"""Every verb of a filesystem, once for all object stores: which objects are meant, and what is refused.

A plain path is below the root, also with a `/` in front; a full URI stands for itself. A folder is there as long as
anything is below it, or its mark (`mkdir`). Deleting what is not there is a success, so `rm` needs no look-up.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import FileFacts, Filesystem, Report
from synergyflow.filesystems.object_streams import reader, writing
from synergyflow.filesystems.object_trees import (
    all_at,
    copy_object,
    delete_all,
    each,
    has_below,
    objects_below,
    verify_copy,
)
from synergyflow.filesystems.objects import PART, ObjectStorage, Place, Stored, uri_of
from synergyflow.filesystems.paths import foreign, normalized, on_this_machine, scheme_of
from synergyflow.filesystems.progress import report_to_log
from synergyflow.filesystems.transfer import copy_across


class ObjectFilesystem(Filesystem):
    """A filesystem on an object store.

    Args:
        storage: the adapter.
        root: URI that plain paths are below, for example `s3://bucket/prefix`; without it only full URIs are taken.
        machine: the filesystem of the engine's own machine.
    """

    def __init__(self, storage: ObjectStorage, root: str | None, machine: Filesystem) -> None:
        self.scheme = storage.scheme
        self.storage = storage
        self.machine = machine
        self.root: Place | None = None
        self._report: Report = report_to_log
        if root is not None:
            self.root = self._resolve(root)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_report": report_to_log}

    def mkdir(self, path: str) -> None:
        """Put an empty object there whose key ends with `/`, so that the folder is seen before anything is in it."""
        place = self._resolve(path)
        if not place.key:
            has_below(self.storage, place)
        elif self.storage.head(place) is not None:
            raise FilesystemError(f"{self._shown(place)} is a file, so no folder can be made there")
        else:
            self.storage.put(Place(place.bucket, place.below), b"")

    def rmdir(self, path: str) -> None:
        """Remove all that is below it, in batches."""
        place = self._removable(path)
        if not has_below(self.storage, place) and self.storage.head(place) is not None:
            raise FilesystemError(f"{self._shown(place)} is not a folder", hint="use rm for files")
        delete_all(self.storage, place.bucket, (stored.key for stored in objects_below(self.storage, place)))

    def rm(self, path: str) -> None:
        """Remove the file, and all that is below it, in batches."""
        place = self._removable(path)
        delete_all(self.storage, place.bucket, (stored.key for stored in all_at(self.storage, place)))

    def cp(self, source: str, target: str) -> None:
        """Copy at the provider's; the bytes don't come by this machine."""
        self._copy(self._resolve(source), self._resolve(target))

    def mv(self, source: str, target: str) -> None:
        """Copy, see that every copy is what its source is, and only then delete exactly those sources."""
        origin, place = self._removable(source), self._resolve(target)
        copied = self._copy(origin, place)
        each(lambda stored: self._verify(origin, stored, place), (stored for stored in copied if not stored.is_folder))
        delete_all(self.storage, origin.bucket, (stored.key for stored in copied))

    def copy_to_local(self, path: str, local_path: str) -> None:
        """Copy in streams; `local_path` is relative to where the engine runs."""
        self._require(self._resolve(path))
        copy_across(self, path, self.machine, on_this_machine(local_path))

    def copy_from_local(self, local_path: str, path: str) -> None:
        """Copy in streams, links as what they lead to; `local_path` is relative to where the engine runs."""
        self._resolve(path)
        copy_across(self.machine, on_this_machine(local_path), self, path)

    def exists(self, path: str) -> bool:
        """Whether there is an object of that key, or any below it."""
        place = self._resolve(path)
        if self._is_top(place):
            has_below(self.storage, place)
            return True
        return self.storage.head(place) is not None or has_below(self.storage, place)

    def ls(self, path: str = "") -> Iterator[str]:
        """Names from as many pages as there are."""
        place = self._resolve(path)
        names = set()
        is_folder = self._is_top(place)
        for page in self.storage.pages(place.bucket, place.below, level=True):
            is_folder = is_folder or bool(page.objects or page.folders)
            names |= {name[len(place.below) :] for name in [*page.folders, *(found.key for found in page.objects)]}
        if not is_folder:
            self._require_file(place)
            return iter([place.key.rpartition("/")[2]])
        return iter(sorted(names - {""}))

    @contextmanager
    def open_for_writing(self, path: str) -> Iterator[BinaryIO]:
        """A stream that goes up in parts and becomes an object, verified, when the block ends."""
        place = self._resolve(path)
        self._refuse_folder(place)
        with writing(self.storage, place, self._report) as stream:
            yield stream

    @contextmanager
    def open_for_reading(self, path: str) -> Iterator[BinaryIO]:
        """A stream, in which one may seek, from the object as it is now; an error if it becomes another meanwhile."""
        place = self._resolve(path)
        with reader(self.storage, place, self._require_file(place)) as stream:
            yield stream

    def walk(self, path: str) -> Iterator[str]:
        """All names, from as many pages as there are, in no more memory than a page takes."""
        place = self._resolve(path)
        self._require(place)
        return self._walk(place)

    def _walk(self, place: Place) -> Iterator[str]:
        for stored in all_at(self.storage, place):
            if stored.key == place.key:
                yield ""
            else:
                yield stored.key[len(place.below) :] or "/"

    def facts(self, path: str) -> FileFacts:
        """As the store tells, without reading the object."""
        stored = self._require_file(self._resolve(path))
        return FileFacts(stored.size, stored.digests.get("md5"))

    def write_from(self, path: str, origin: BinaryIO, *, within_tree: bool = False) -> None:
        """As `open_for_writing` verifies; within a tree without looking for a folder in the way of each file."""
        place = self._resolve(path)
        if not (within_tree and place.key):
            self._refuse_folder(place)
        with writing(self.storage, place, self._report) as stream:
            while piece := origin.read(PART):
                stream.write(piece)

    def reporting_to(self, report: Report) -> ObjectFilesystem:
        """The same store, with another to tell."""
        other = copy.copy(self)
        other._report = report
        return other

    # -- copying --------------------------------------------------------------------------------------------------

    def _copy(self, origin: Place, place: Place) -> list[Stored]:
        """Copy all at `origin`; what that was."""
        self._refuse_overlap(origin, place)
        found = all_at(self.storage, origin)
        first = next(found, None)
        if first is None:
            raise self._missing(origin)
        self._refuse_collision(first, origin, place)

        def copied(stored: Stored) -> Stored:
            source, target = Place(origin.bucket, stored.key), place.moved(stored.key, origin)
            copy_object(self.storage, source, stored, target, self._report)
            return stored

        def everything() -> Iterator[Stored]:
            yield first
            yield from found

        return each(copied, everything())

    def _verify(self, origin: Place, stored: Stored, place: Place) -> None:
        verify_copy(self.storage, Place(origin.bucket, stored.key), stored, place.moved(stored.key, origin))

    def _refuse_overlap(self, origin: Place, place: Place) -> None:
        if origin.bucket != place.bucket:
            return
        source, target = self._shown(origin), self._shown(place)
        if origin.key == place.key:
            raise FilesystemError(f"{source} and {target} are the same place")
        if place.key.startswith(origin.below):
            raise FilesystemError(f"{target} is within {source}, which can't go into itself")
        if origin.key.startswith(place.below):
            raise FilesystemError(f"{source} is within {target}, which it can't take the place of")

    def _refuse_collision(self, first: Stored, origin: Place, place: Place) -> None:
        if first.key == origin.key:
            self._refuse_folder(place)
        elif place.key and self.storage.head(place) is not None:
            raise FilesystemError(f"{self._shown(place)} is a file, so no folder can take its place")

    # -- paths ----------------------------------------------------------------------------------------------------

    def _resolve(self, path: str) -> Place:
        scheme = scheme_of(path)
        if scheme is None:
            return self._below_root(path)
        if scheme not in self.storage.schemes:
            raise foreign(path, scheme, f"a filesystem of {self.scheme}://")
        authority, _, key = path[len(scheme) + 1 :].removeprefix("//").partition("/")
        if not path[len(scheme) + 1 :].startswith("//") or not authority:
            raise FilesystemError(f"{path} names no bucket", hint=f"for example {self.scheme}://bucket/folder/name")
        bucket = self.storage.bucket_of(authority, path)
        return Place(bucket, self._usable(normalized(key, f"{scheme}://{authority}", path), path))

    def _below_root(self, path: str) -> Place:
        if self.root is None:
            raise FilesystemError(
                f"{path or '.'} is no full URI, and there is no bucket that it could be in",
                hint=f"write {self.scheme}://bucket/…",
            )
        key = self._usable(normalized(path, self._shown(self.root), path), path)
        return Place(self.root.bucket, self.root.below + key if key else self.root.key)

    def _usable(self, key: str, path: str) -> str:
        for character in self.storage.unusable:
            if character in key:
                raise FilesystemError(
                    f"{path!r} holds {character!r}, which {self.scheme}:// can't keep", hint="choose another name"
                )
        return key

    def _shown(self, place: Place) -> str:
        return uri_of(self.storage, place)

    def _is_top(self, place: Place) -> bool:
        """Whether it is a bucket or the root, which are there also when nothing is in them."""
        return not place.key or place == self.root

    def _removable(self, path: str) -> Place:
        place = self._resolve(path)
        root = self.root
        is_above_root = root is not None and root.bucket == place.bucket and f"{root.key}/".startswith(place.below)
        if not place.key or is_above_root:
            raise FilesystemError(
                f"{self._shown(place)} is a bucket, the root or a folder above it, which is not removed or moved",
                hint="name what is in it",
            )
        return place

    def _require_file(self, place: Place) -> Stored:
        stored = self.storage.head(place) if place.key else None
        if stored is not None:
            return stored
        if not place.key or has_below(self.storage, place):
            raise FilesystemError(f"{self._shown(place)} is a folder", hint="name a file in it")
        raise self._missing(place)

    def _require(self, place: Place) -> None:
        if not has_below(self.storage, place) and not self._is_top(place) and self.storage.head(place) is None:
            raise self._missing(place)

    def _refuse_folder(self, place: Place) -> None:
        if not place.key or has_below(self.storage, place):
            raise FilesystemError(f"{self._shown(place)} is a folder, so no file can be written there")

    def _missing(self, place: Place) -> FilesystemError:
        where = f"plain paths are below {self._shown(self.root)}" if self.root else "look with ls"
        return FilesystemError(f"there is no {self._shown(place)}", hint=where)
