"""A listener's history as training reads it."""

from pathlib import Path

import pytest

from smallhours.lake.store import Lake
from smallhours.training import listening_history
from smallhours.training.listening_history import read_history
from tests.training.lakes import ADA, NIGHT, add_artist_tags, add_background, add_tracks


def test_of_a_large_catalog_some_partitions_and_all_candidates_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    tracks = [f"artist {at} · song" for at in range(60)]
    candidates = [f"candidate {at} · song" for at in range(5)]
    add_tracks(lake, tracks)
    add_artist_tags(lake, {key.split(" · ")[0]: {"folk": 100} for key in (*tracks, *candidates)})
    add_background(lake, candidates, route="similar_artist")
    assert set(read_history(lake, ADA, night=NIGHT).pool) == {*tracks, *candidates}

    monkeypatch.setattr(listening_history, "MAX_CATALOG", 10)

    pool = set(read_history(lake, ADA, night=NIGHT).pool)
    assert pool >= set(candidates)
    assert 10 <= len(pool & set(tracks)) < 60
