"""Where is the reference material that some tests compare with, when it is there at all?"""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(name: str) -> Path:
    """Return a file of the folder `shared` beside the project, or skip the test without it."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path.name} is not there: it belongs to the project's reference material")
    return path
