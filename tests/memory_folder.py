"""Puts the tests' temporary files into memory, where the machine has room for them.

The lake and Airflow's database make every write durable, and wait for the disk each time: up to
10 ms, a thousand times in a night. In memory these waits take no time; all else is as on a disk.

Import this before anything makes a temporary file.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - made for temporary files, like /tmp
# Far more than three workers with lakes and Airflow homes use.
MIN_FREE_BYTES = 6_000_000_000


def choose_folder(memory: Path, environment: dict[str, str]) -> str | None:
    """Return where temporary files go; None leaves it to the environment.

    A folder in memory is taken if it has room and lets programs be run, and nobody chose another.
    """
    if "TMPDIR" in environment or not os.access(memory, os.W_OK | os.X_OK):
        return None
    if os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None
    return str(memory) if shutil.disk_usage(memory).free >= MIN_FREE_BYTES else None


if folder := choose_folder(MEMORY, dict(os.environ)):
    # For this process, and for those that it starts.
    os.environ["TMPDIR"] = tempfile.tempdir = folder
