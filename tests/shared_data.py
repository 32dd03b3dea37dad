"""Reference material outside of the checkout that some tests compare with."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(name: str) -> Path:
    """Return a file of the folder `shared` beside the project; skip the test if it is missing."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path.name} is not there: it belongs to the project's reference material")
    return path
