"""What a parent process tells a child that is to make a call: as bytes, in a file that the child is given."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

NOTHING_TO_DO = 99
"""The exit code by which the child says that the call found nothing to process."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A pickled call `(function, args, kwargs, supplied)`, and what it takes to unpickle it.

    `logger` says that the function asks for one, which the child makes.
    """

    sys_path: tuple[str, ...]
    call: bytes
    logger: bool = False

    def pack(self) -> bytes:
        """As bytes that any process of the same installation can read."""
        return pickle.dumps((self.sys_path, self.call, self.logger))

    @classmethod
    def unpack(cls, data: bytes) -> Payload:
        """What `pack` packed."""
        return cls(*pickle.loads(data))
