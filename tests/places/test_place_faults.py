"""Tests that crashes, faults and edits leave a list whole at places other than Spotify.

A few of the cases; `python -m benchmarks.publish_faults --place ...` plays all.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.publish_faults import open_elsewhere
from benchmarks.support.publish_cases import PublishCase


def few_of_each(every: Sequence[PublishCase]) -> list[PublishCase]:
    """Return one case of every third kind of trouble, in the middle of a run."""
    groups: dict[tuple[str, str], list[PublishCase]] = {}
    for case in every:
        groups.setdefault((case.trouble, case.what), []).append(case)
    return [group[len(group) // 2] for group in groups.values()][::3]


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize("kind", ["listenbrainz", "subsonic 1.12"])
def test_the_playlist_is_whole_after_each_of_a_few(kind: str, tmp_path: Path) -> None:
    with open_elsewhere(kind, tmp_path) as (stage, every):
        few = few_of_each(every)
        assert len(few) >= 8
        outcomes = {str(case): stage.play(case) for case in few}
    assert {name: outcome for name, outcome in outcomes.items() if not outcome.good} == {}
