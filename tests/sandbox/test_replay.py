"""Tests of a world built from a scrobble log."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from smallhours_sandbox.cache import load_or_replay
from smallhours_sandbox.replay import replay_world
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.shared_data import shared_path

LOG = """played_at,artist,artist_mbid,album,title,track_mbid
2025-01-01T10:00:00Z,Tidal/Loom,,Nets,First Knot,
2025-01-01T10:03:20Z,"Fern, The Archivist",mb-fern,Files,"Paper, Cut",mb-cut
2025-01-01T10:07:00Z,tidal/loom,mb-loom,Nets,Second Knot,
2025-01-01T10:10:00Z,"Fern, The Archivist",,,Loose Leaf,
2025-01-02T22:00:00Z,Tidal/Loom,,Nets,first knot,
2025-01-02T22:03:20Z,"Fern, The Archivist",,Files,"Paper, Cut",
2025-01-02T22:07:00Z,None,,None,NA,
"""

TAGS = """artist,tag,taggers,count
TIDAL/LOOM,ambient,8,100
TIDAL/LOOM,drone,2,25
"Fern, The Archivist",folk,9,100
Grey Quay,ambient,6,100
Grey Quay,drone,6,100
Barn Door,folk,5,100
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    log, tags = tmp_path / "scrobbles.csv.gz", tmp_path / "artist_tags.csv"
    log.write_bytes(gzip.compress(LOG.encode()))
    tags.write_text(TAGS, encoding="utf-8")
    return log, tags


@pytest.fixture
def world(files: tuple[Path, Path]) -> World:
    return replay_world(*files, user="finn")


def test_the_whole_log_is_served_as_it_was(world: World) -> None:
    log = world.scrobbles("finn")
    assert len(log) == 7
    assert str(np.datetime64(int(log.at[0]), "s")) == "2025-01-01T10:00:00"
    titles = [world.track_title[track] for track in log.track]
    assert titles[:4] == ["First Knot", "Paper, Cut", "Second Knot", "Loose Leaf"]


def test_names_are_joined_ignoring_case_and_the_first_spelling_stays(world: World) -> None:
    assert world.artist_name[:3] == ["Tidal/Loom", "Fern, The Archivist", "None"]
    log = world.scrobbles("finn")
    assert log.track[0] == log.track[4]
    assert world.find_track("none", "na") == log.track[6]


def test_an_id_known_from_any_play_counts_for_all(world: World) -> None:
    assert world.artist_mbid[:3] == ["mb-loom", "mb-fern", ""]
    cut = world.find_track("Fern, The Archivist", "Paper, Cut")
    assert cut is not None
    assert world.track_mbid[cut] == "mb-cut"


def test_real_tags_reach_their_artists(world: World) -> None:
    loom = world.find_artist("Tidal/Loom")
    assert loom is not None
    ids, counts = world.artist_tags[loom]
    assert [(world.tags[tag], int(count)) for tag, count in zip(ids, counts, strict=True)] == [
        ("ambient", 100),
        ("drone", 25),
    ]
    assert world.track_tags.lengths.sum() == 0


def test_tagged_artists_outside_the_log_get_three_to_eight_tracks_to_recommend(
    world: World,
) -> None:
    heard = set(world.listeners["finn"].play_track.tolist())
    for name in ("Grey Quay", "Barn Door"):
        artist = world.find_artist(name)
        assert artist is not None
        tracks = world.tracks_of(artist).tolist()
        assert 3 <= len(tracks) <= 8
        assert not heard & set(tracks)


def test_similar_artists_come_from_tags_and_from_shared_sessions(world: World) -> None:
    loom, fern, quay = (
        world.find_artist(name) for name in ("Tidal/Loom", "Fern, The Archivist", "Grey Quay")
    )
    assert loom is not None
    near = world.artist_similar[loom][0].tolist()
    assert near[0] == quay  # the same tags
    assert fern in near  # no tag in common, but the same sessions


def test_similar_tracks_lead_out_of_the_log(world: World) -> None:
    knot = world.find_track("Tidal/Loom", "First Knot")
    assert knot is not None
    ids, match = world.track_similar[knot]
    owners = {world.artist_name[world.track_artist[track]] for track in ids}
    assert "Grey Quay" in owners
    assert knot not in ids
    assert match[0] == 1
    assert (np.diff(match) <= 0).all()


def test_there_are_no_audio_features(world: World) -> None:
    assert np.isnan(world.track_features).all()


def test_a_tracks_length_is_learnt_from_the_gap_to_the_next_play(world: World) -> None:
    knot = world.find_track("Tidal/Loom", "First Knot")
    assert world.track_duration_ms[knot] == 200_000


def test_a_replayed_listener_lives_on(world: World) -> None:
    state = SandboxState(world)
    told = state.advance(state.now + 10 * 86_400)
    assert told["listeners"]["finn"]["plays"] > 0


def test_the_same_files_give_the_same_world_and_come_from_the_cache(
    files: tuple[Path, Path], world: World, tmp_path: Path
) -> None:
    again = [load_or_replay(tmp_path / "cache", *files, user="finn") for _ in range(2)]
    assert {one.fingerprint() for one in again} == {world.fingerprint()}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_file_that_is_no_log_is_refused(tmp_path: Path, files: tuple[Path, Path]) -> None:
    (tmp_path / "bad.csv").write_text("played_at,artist\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the columns"):
        replay_world(tmp_path / "bad.csv", files[1])


@pytest.mark.slow
def test_sixteen_real_years_are_replayed_whole() -> None:
    world = replay_world(
        shared_path("data/listener-a/scrobbles.csv.gz"),
        shared_path("data/listeners-2k/artist_tags.csv.gz"),
    )
    log = world.scrobbles("listener")
    assert len(log) == 75_246
    assert len(np.unique(log.track)) > 17_000
    known = np.unique(log.track)
    tagged = world.artist_tags.lengths[world.track_artist[log.track]] > 0
    assert 0.66 < tagged.mean() < 0.78  # share of plays whose artist has tags
    listed = np.concatenate([world.track_similar[int(track)][0] for track in known[:500]])
    assert (~np.isin(listed, known)).mean() > 0.2
