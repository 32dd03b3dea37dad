import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest

from smallhours.catalog.features import store_features
from smallhours.lake.store import Lake
from smallhours.playlist.explain.description import TrackSound, track_sounds
from smallhours.playlist.publish.plan import PlannedTrack
from smallhours.playlist.publish.target_list import TargetList
from smallhours.vocabulary import Provenance

NIGHT = dt.date(2026, 11, 2)
KEY = "ride · vapour trail"


def sound_of(lake: Lake) -> TrackSound:
    pick = PlannedTrack(KEY, "spotify:track:1", "Ride", "Vapour Trail", "")
    (found,) = track_sounds(lake, TargetList((pick,), 1, (0.5,), ((),)))
    return found


@pytest.mark.parametrize(("better", "worse"), list(pairwise(Provenance)))
def test_the_cover_is_drawn_from_the_most_believed_source(
    better: Provenance, worse: Provenance, tmp_path: Path
) -> None:
    lake = Lake(f"memory://{tmp_path}")
    for source, energy in ((worse, 0.9), (better, 0.1)):
        values = {KEY: {"energy": energy}}
        store_features(lake, [KEY], values, source=source, night=NIGHT)

    assert sound_of(lake) == TrackSound(0.1, 0.5, 0.5, 0.5)


def test_an_impossible_value_is_not_drawn(tmp_path: Path) -> None:
    lake = Lake(f"memory://{tmp_path}")
    for source, energy in ((Provenance.SPOTIFY, 7.0), (Provenance.PREDICTED, 0.3)):
        store_features(lake, [KEY], {KEY: {"energy": energy}}, source=source, night=NIGHT)

    assert sound_of(lake).energy == 0.3
