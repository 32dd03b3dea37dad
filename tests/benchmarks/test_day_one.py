"""Tests of first nights: whatever is known of a listener, there is a list, and it says why."""

from pathlib import Path

import pytest

from benchmarks.support.day_one import LIBRARY, NAMED, RIPE, open_first_night
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.tables import LIBRARY as LIBRARY_TABLE
from smallhours.playlist.explain.description import describe_basis
from smallhours.playlist_settings import PlaylistSettings
from smallhours_sandbox.simulation.ground_truth import simulated_world
from tests.simulation.small_simulations import ADA, SPEC

pytestmark = pytest.mark.slow(seconds=8)


@pytest.mark.parametrize(
    ("kind", "basis"),
    [
        (NAMED, "It rests on five artists that you named."),
        ("50", "It rests on 50 plays since "),
        (LIBRARY, " saved tracks."),
        (RIPE, "It rests on "),
    ],
)
def test_a_first_night_makes_a_list_and_says_what_it_rests_on(
    kind: str, basis: str, tmp_path: Path
) -> None:
    world = simulated_world(SPEC.seed, SPEC.size, SPEC.listeners)
    with open_first_night(SPEC, world, kind, tmp_path / "lake") as simulation:
        simulation.run_night()
        (listed,) = simulation.state.app_playlists(ADA).values()
        me = simulation.settings.listener(ADA)
        told = describe_basis(simulation.lake, ADA, me, night=simulation.tonight)
        rows = simulation.lake.frame(RECOMMENDATIONS)
        library = simulation.lake.frame(LIBRARY_TABLE)

    assert len(listed) == PlaylistSettings().size
    assert basis in told
    picks = rows[rows["position"].notna()]
    assert not set(picks["track_key"]) & set(library["track_key"])
    if kind == NAMED:
        assert picks["reason"].str.contains("named").any()
        assert not picks["reason"].str.contains("you play|you know|plays", regex=True).any()
