"""Tests of the sandbox against the shapes that real services were seen to have.

A file that `smallhours doctor --live` wrote becomes a case when it is put into `live_shapes/`
beside this file: whatever the sandbox always sends has to be there, and what was seen there has to
be of a type that the sandbox sends.
"""

from copy import deepcopy
from importlib.resources import files
from json import loads
from pathlib import Path
from typing import Any

import pytest

from smallhours.checkup.live import KNOWN_FILE, shapes_of
from smallhours.checkup.shapes import Shape, differences, serious_ones
from smallhours_sandbox.simulation.known_shapes import sandbox_shapes

KNOWN = Path(str(files("smallhours.checkup").joinpath(KNOWN_FILE)))
SEEN = sorted(Path(__file__).with_name("live_shapes").glob("*.json"))


@pytest.fixture(scope="module")
def sandbox_now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shape]:
    """What the sandbox answers to the questions of a live check."""
    return sandbox_shapes(tmp_path_factory.mktemp("lake"))


def contradictions(sandbox: dict[str, Shape], report: dict[str, Any]) -> list[str]:
    """Return what a report says about replies that the sandbox's are not like."""
    return [
        f"{name}: {line}"
        for name, seen in shapes_of(report).items()
        if name in sandbox
        for line in serious_ones(differences(sandbox[name], seen))
    ]


@pytest.mark.parametrize("path", [KNOWN, *SEEN], ids=lambda path: path.name)
def test_the_sandbox_answers_as_it_was_seen(path: Path, sandbox_now: dict[str, Shape]) -> None:
    assert contradictions(sandbox_now, loads(path.read_text(encoding="utf-8"))) == []


def test_the_known_shapes_are_those_of_the_sandbox(sandbox_now: dict[str, Shape]) -> None:
    stored = {name: shape.to_json(lengths=False) for name, shape in sandbox_now.items()}
    assert loads(KNOWN.read_text(encoding="utf-8"))["replies"] == stored, (
        "run python -m smallhours_sandbox.simulation.known_shapes"
    )


def test_a_report_of_another_service_is_contradicted(sandbox_now: dict[str, Shape]) -> None:
    report = deepcopy(loads(KNOWN.read_text(encoding="utf-8")))
    tracks = report["replies"]["Spotify GET me/tracks"]
    del tracks[".items[].added_at"]
    tracks[".items[].track.name"] = "number"
    tracks[".items[].track.brand_new"] = "string"

    assert contradictions(sandbox_now, report) == [
        "Spotify GET me/tracks: missing: items[].added_at",
        "Spotify GET me/tracks: type: items[].track.name is number, not string",
    ]
