"""Test with Maloja itself, where it is installed: what it exports is what it was given.

It is looked for in the environment variable `SMALLHOURS_MALOJA`, and on the path; `pip install
malojaserver` into an environment of its own gives it.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from smallhours.lake.store import Lake
from tests.listening.formats.history_writers import listen
from tests.listening.formats.test_formats import HISTORY, imported, plays_of, read_back, told

MALOJA = os.environ.get("SMALLHOURS_MALOJA") or shutil.which("maloja")
# Maloja takes a semicolon for a second artist, and keeps no order of them.
ONE_ARTIST = [each for each in HISTORY if ";" not in each.artist]


def run_maloja(home: Path, *arguments: str) -> None:
    assert MALOJA is not None
    settings = {"MALOJA_DATA_DIRECTORY": str(home), "MALOJA_SKIP_SETUP": "yes"}
    subprocess.run(
        [MALOJA, *arguments],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )


@pytest.mark.slow(seconds=10)
@pytest.mark.skipif(MALOJA is None, reason="malojaserver is not installed (SMALLHOURS_MALOJA)")
def test_what_maloja_itself_exports_is_what_it_was_given(tmp_path: Path) -> None:
    given = tmp_path / "ada_lb-2024-01-02.json"  # Maloja tells formats by their names
    given.write_text(json.dumps([listen(each) for each in HISTORY]))
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    run_maloja(home, "import", str(given))
    run_maloja(home, "export", "--targetfolder", str(out))
    (exported,) = out.iterdir()
    lake = Lake(str(tmp_path / "lake"))
    imported(lake, exported)
    assert len(plays_of(lake)) == len(HISTORY)
    assert set(told(ONE_ARTIST)) <= set(read_back(lake))
    imported(lake, given)
    assert len(plays_of(lake)) == len(HISTORY)
