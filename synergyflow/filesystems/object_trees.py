"""Trees of objects: found by prefix, page by page; copied and deleted many at a time; moved when verified.

A tree is always asked for with the `/` at the end of its prefix, so that `a/b` never means `a/bc`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Report
from synergyflow.filesystems.object_streams import reader, writing
from synergyflow.filesystems.objects import PART, ObjectStorage, Place, Stored, uri_of

AT_A_TIME = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def has_below(storage: ObjectStorage, place: Place) -> bool:
    """Whether there is a folder at the place."""
    return any(page.objects or page.folders for page in storage.pages(place.bucket, place.below, limit=1))


def objects_below(storage: ObjectStorage, place: Place) -> Iterator[Stored]:
    """All objects of the tree, the mark of the folder itself included."""
    for page in storage.pages(place.bucket, place.below):
        yield from page.objects


def all_at(storage: ObjectStorage, place: Place) -> Iterator[Stored]:
    """The object at the place, and those of the tree there."""
    if place.key and (stored := storage.head(place)) is not None:
        yield stored
    yield from objects_below(storage, place)


def delete_all(storage: ObjectStorage, bucket: str, keys: Iterable[str]) -> None:
    """Delete in batches; the marks of folders last, deepest first: some stores keep a folder in use."""
    marks: list[str] = []

    def files() -> Iterator[str]:
        for key in keys:
            if key.endswith("/"):
                marks.append(key)
            else:
                yield key

    _delete(storage, bucket, files())
    _delete(storage, bucket, sorted(marks, reverse=True))


def _delete(storage: ObjectStorage, bucket: str, keys: Iterable[str]) -> None:
    rest = iter(keys)
    while batch := list(islice(rest, storage.delete_limit)):
        storage.delete(bucket, batch)


def copy_object(storage: ObjectStorage, source: Place, stored: Stored, target: Place, report: Report) -> None:
    """Copy one object: at the provider's where it can, else through this machine."""
    if storage.can_copy(source.bucket, target.bucket):
        storage.copy(source, stored, target, report)
    elif stored.is_folder:
        storage.put(target, b"")
    else:
        with reader(storage, source, stored) as stream, writing(storage, target, report, stored.size) as written:
            while piece := stream.read(PART):
                written.write(piece)


def verify_copy(storage: ObjectStorage, source: Place, stored: Stored, target: Place) -> None:
    """See that the target is what the source is.

    Raises:
        FilesystemError: it is not, by size or a checksum that the provider tells of both.
    """
    copied = storage.head(target)
    if copied is not None and copied.agrees(stored) and copied.digests.keys() & stored.digests.keys():
        return
    again = storage.head(source)  # which may tell more checksums than a listing, or that what looks like one is none
    if copied is None or again is None or again.version != stored.version or not copied.agrees(again):
        raise FilesystemError(
            f"{uri_of(storage, target)} is not the same as {uri_of(storage, source)}, which therefore stays",
            hint="see whether something else writes there, and try again",
        )


def each(work: Callable[[Item], Result], items: Iterable[Item], at_a_time: int = AT_A_TIME) -> list[Result]:
    """`work` done on all items, several at a time, no more of them in memory; the first error ends it."""
    results: list[Result] = []
    running: set[Future[Result]] = set()
    with ThreadPoolExecutor(at_a_time, thread_name_prefix="files") as pool:
        try:
            for item in items:
                running.add(pool.submit(work, item))
                if len(running) >= 2 * at_a_time:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    results += [future.result() for future in done]
            done, running = wait(running)
            results += [future.result() for future in done]
        finally:
            for future in running:
                future.cancel()
    return results
