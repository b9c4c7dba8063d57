"""How fast a job's output becomes masked lines of a log file, and how much memory that takes.

    python benchmarks/log_throughput.py [megabytes]

One thread, lines of about 100 bytes, five secrets that occur now and then. The aim is 100 MB/s and flat memory.
The file is written below a temporary folder and removed.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from synergyflow.config.masking import Masker
from synergyflow.observers.log_book import LogBook

SECRETS = ("correct-horse-battery", "s3cr3t-t0ken-value", "Zx9!kk-password", "eighth-wonder-of-all", "hunter2-hunter2")
CHUNK = 256 * 1024


def lines(size: int) -> bytes:
    """About `size` bytes of lines, one in ten thousand of which holds a secret."""
    made: list[bytes] = []
    length = number = 0
    while length < size:
        text = f"{number:09d} INFO TaskSetManager: finished task {number % 200}.0 in stage 7.0 (TID {number}) in 42 ms"
        made.append((text if number % 10_000 else f"token={SECRETS[number // 10_000 % 5]} {text}").encode() + b"\n")
        length += len(made[-1])
        number += 1
    return b"".join(made)


def peak() -> float:
    """Highest resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    block = lines(16 << 20)
    with tempfile.TemporaryDirectory() as folder:
        book = LogBook(Path(folder), Masker(SECRETS), keep=2)
        log = book.open_step("benchmark", "step", "2013010100", 1)
        before, begin, written = peak(), time.perf_counter(), 0
        while written < total << 20:
            for start in range(0, len(block), CHUNK):
                log.output("job", block[start : start + CHUNK])
            written += len(block)
        log.end_output("job")
        seconds = time.perf_counter() - begin
        book.close()
    print(f"{written / 1e6:.0f} MB in {seconds:.2f} s: {written / 1e6 / seconds:.0f} MB/s")
    print(f"memory: {before:.0f} MB before, {peak():.0f} MB at the peak")


if __name__ == "__main__":
    main()
