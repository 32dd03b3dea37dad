"""Tests of the generated world: completeness, and likeness to real data."""

import base64
import re
from dataclasses import fields
from datetime import UTC, datetime

import numpy as np
import pytest

from smallhours_sandbox.features import TARGETS
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.ragged import Doubles, Ragged
from smallhours_sandbox.world import FEATURES, VERSIONS, World


@pytest.fixture(scope="module")
def world() -> World:
    """Return a world of the demo's size, large enough to judge distributions."""
    return generate_world(seed=1983, artists=600, tracks=6_000, scrobbles=5_000)


def _equal(one: object, two: object) -> bool:
    if isinstance(one, Ragged) and isinstance(two, Ragged):
        pairs = ((one.indptr, two.indptr), (one.ids, two.ids), (one.values, two.values))
        return all(np.array_equal(left, right) for left, right in pairs)
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    return bool(one == two)


# -- size and identity -------------------------------------------------------------------------


def test_a_world_has_exactly_the_size_asked_for(world: World) -> None:
    assert world.n_artists == 600
    assert world.n_tracks == 6_000
    assert len(world.scrobbles("ada")) == 5_000
    per_track = [getattr(world, one.name) for one in fields(world) if one.name.startswith("track_")]
    assert {len(column) for column in per_track} == {6_000}


def test_equal_arguments_give_an_equal_world() -> None:
    one, two = (generate_world(4, 40, 300, ("ada",), 200) for _ in range(2))
    for column in fields(World):
        if column.name not in ("listeners", "_lookup"):
            assert _equal(getattr(one, column.name), getattr(two, column.name)), column.name
    assert np.array_equal(one.listeners["ada"].play_at, two.listeners["ada"].play_at)
    assert np.array_equal(one.listeners["ada"].play_track, two.listeners["ada"].play_track)
    assert one.fingerprint() == two.fingerprint()


def test_another_seed_gives_another_world() -> None:
    one, two = (generate_world(seed, 40, 300, ("ada",), 200) for seed in (4, 5))
    assert one.artist_name != two.artist_name
    assert one.fingerprint() != two.fingerprint()


def test_too_few_tracks_for_the_artists_are_refused() -> None:
    with pytest.raises(ValueError, match="10 tracks are too few for 40 artists"):
        generate_world(4, 40, 10, ("ada",), 20)


def test_more_scrobbles_than_fit_into_the_time_are_refused() -> None:
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)
    with pytest.raises(ValueError, match="9000 scrobbles do not fit"):
        generate_world(4, 40, 300, ("ada",), 9_000, begins, ends)


def test_ids_are_unique_and_look_like_the_services_own(world: World) -> None:
    assert len(set(world.track_spotify_id)) == world.n_tracks
    assert all(re.fullmatch("[0-9A-Za-z]{22}", key) for key in world.track_spotify_id)
    known = [key for key in world.track_mbid if key]
    assert 0.7 < len(known) / world.n_tracks < 0.8
    assert all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) for key in known)
    assert all(re.fullmatch("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}|", code) for code in world.track_isrc)
    assert base64.b64encode(world.fingerprint().encode())


# -- discographies -----------------------------------------------------------------------------


def test_albums_hold_their_own_artists_tracks_side_by_side_and_numbered(world: World) -> None:
    assert (np.diff(world.track_album) >= 0).all()
    assert np.array_equal(world.album_artist[world.track_album], world.track_artist)
    starts = np.flatnonzero(np.diff(world.track_album, prepend=-1))
    assert (world.track_number[starts] == 1).all()


def test_nothing_is_released_before_1965_or_after_the_world_ends(world: World) -> None:
    assert min(world.album_released) >= "1965-01-01"
    assert max(world.album_released) <= "2026-11-02"


def test_about_one_track_in_eight_is_a_further_version_of_another(world: World) -> None:
    assert set(world.track_version) == set(VERSIONS)
    marked = sum(version != "" for version in world.track_version)
    assert 0.09 < marked / world.n_tracks < 0.13


def test_a_remaster_is_the_same_recording_and_a_live_take_another(world: World) -> None:
    recording, version = world.track_recording, world.track_version
    for track in range(world.n_tracks):
        original = int(recording[track])
        if version[track] == "remaster":
            assert original != track
            assert world.track_artist[original] == world.track_artist[track]
            assert "Remaster" in world.track_title[track]
            early, late = (world.album_released[world.track_album[t]] for t in (original, track))
            assert early <= late
        elif version[track] in ("live", "remix", "acoustic", "demo"):
            assert original == track
            assert version[track] in world.track_title[track].lower()


def test_a_guest_is_named_in_the_title_of_originals(world: World) -> None:
    named = [track for track, guests in enumerate(world.track_featured) if guests]
    assert 0.03 < len(named) / world.n_tracks < 0.12
    for track in named:
        if world.track_version[track] == "":
            guest = world.artist_name[world.track_featured[track][0]]
            assert world.track_title[track].endswith(f" {guest})")


def test_popularity_of_artists_and_tracks_falls_off_like_zipf(world: World) -> None:
    for weights in (world.artist_popularity, world.track_popularity):
        assert weights.sum() == pytest.approx(1)
        assert (weights > 0).all()
        ranked = np.sort(weights)[::-1]
        assert ranked[: len(ranked) // 10].sum() > 0.45


# -- sound -------------------------------------------------------------------------------------


# Means and spreads as documented in features.py: the spreads are the errors of a mean predictor on
# the paper's data.
@pytest.mark.parametrize(
    ("feature", "mean", "spread"),
    [
        ("danceability", 0.49, 0.195),
        ("acousticness", 0.27, 0.310),
        ("energy", 0.66, 0.232),
        ("valence", 0.44, 0.279),
        ("instrumentalness", 0.32, 0.383),
    ],
)
def test_audio_features_have_the_papers_means_and_spreads(
    world: World, feature: str, mean: float, spread: float
) -> None:
    values = world.track_features[:, FEATURES.index(feature)]
    assert values.mean() == pytest.approx(mean, abs=0.015)
    assert values.std() == pytest.approx(spread, abs=0.01)


def test_every_feature_stays_in_the_range_its_service_documents(world: World) -> None:
    low = np.array([0, 0, 0, 0, 0, 0, 0, -60, 40, 0, 0, 1])
    high = np.array([1, 1, 1, 1, 1, 1, 1, 1, 250, 11, 1, 5])
    assert world.track_features.shape == (world.n_tracks, 12)
    assert ((world.track_features >= low) & (world.track_features <= high)).all()


def test_energy_is_loud_and_seldom_acoustic(world: World) -> None:
    related = np.asarray(np.corrcoef(world.track_features[:, :8].T))
    index = {name: number for number, name in enumerate(FEATURES)}
    assert related[index["energy"], index["acousticness"]] < -0.5
    assert related[index["energy"], index["loudness"]] > 0.6
    assert related[index["danceability"], index["valence"]] > 0.3


def test_a_live_take_sounds_live_and_an_acoustic_one_acoustic(world: World) -> None:
    version = np.asarray(world.track_version)
    live = world.track_features[:, FEATURES.index("liveness")]
    acoustic = world.track_features[:, FEATURES.index("acousticness")]
    assert live[version == "live"].mean() > live[version == ""].mean() + 0.4
    assert acoustic[version == "acoustic"].mean() > acoustic[version == ""].mean() + 0.2


def _bags(ragged: Ragged, width: int) -> Doubles:
    dense = np.zeros((len(ragged), width))
    dense[ragged.rows, ragged.ids] = np.log1p(ragged.values)
    length = np.linalg.norm(dense, axis=1, keepdims=True)
    unit: Doubles = dense / np.maximum(length, 1e-9)
    return unit


def test_tags_predict_the_sound_of_unseen_artists_about_as_well_as_real_ones_do(
    world: World,
) -> None:
    use = np.bincount(np.concatenate([world.artist_tags.ids, world.track_tags.ids]))
    common = np.argsort(-use)[:400]
    words = len(world.tags)
    artist = _bags(world.artist_tags, words)[:, common][world.track_artist]
    rows = np.hstack([_bags(world.track_tags, words)[:, common], artist])
    test = world.track_artist % 5 == 0
    train = rows[~test]
    mean = train.mean(axis=0)
    weights = np.linalg.inv((train - mean).T @ (train - mean) + 3.0 * np.eye(rows.shape[1]))
    explained = []
    for column in range(len(TARGETS)):
        target = world.track_features[:, column].astype(float)
        level = target[~test].mean()
        fitted = weights @ ((train - mean).T @ (target[~test] - level))
        wrong = target[test] - level - (rows[test] - mean) @ fitted
        explained.append(1 - (wrong**2).mean() / ((target[test] - level) ** 2).mean())
    assert 0.33 < float(np.mean(explained)) < 0.50


# -- tags --------------------------------------------------------------------------------------


def test_about_half_of_the_tracks_and_one_artist_in_twenty_have_no_tags(world: World) -> None:
    assert (world.track_tags.lengths == 0).mean() == pytest.approx(0.5, abs=0.04)
    assert 0.02 < (world.artist_tags.lengths == 0).mean() < 0.1


def test_a_track_has_about_27_tags_when_its_artists_count_too(world: World) -> None:
    sizes = [
        len({*world.track_tags[track][0].tolist(), *world.artist_tags[artist][0].tolist()})
        for track, artist in enumerate(world.track_artist.tolist())
    ]
    assert 23 < np.mean(sizes) < 31


@pytest.mark.parametrize("name", ["artist_tags", "track_tags"])
def test_counts_fall_from_100_and_no_row_repeats_a_tag(world: World, name: str) -> None:
    ragged: Ragged = getattr(world, name)
    assert ragged.values.dtype == np.uint8
    for ids, counts in ragged:
        if len(ids):
            assert counts[0] == 100
            assert (np.diff(counts.astype(int)) <= 0).all()
            folded = [world.tags[tag].casefold() for tag in ids]
            assert len(folded) == len(set(folded)) <= 100


def test_spellings_moods_decades_places_and_noise_are_all_in_use(world: World) -> None:
    used = {world.tags[tag] for tag in np.unique(world.artist_tags.ids)}
    assert {"hip hop", "Hip-Hop", "hip-hop", "hiphop"} <= used
    assert {"seen live", "favourites", "sad", "90s", "swedish", "female vocalists"} <= used
    names = {name.lower() for name in world.artist_name}
    assert len(names & used) > 20
    assert len(world.tags) > 1_500


def test_a_tag_is_found_however_it_is_written(world: World) -> None:
    found = world.tag_ids("HIP-HOP")
    assert {world.tags[tag] for tag in found} == {"Hip-Hop", "hip-hop"}
    assert world.tag_id("hip-HOP") in found
    assert world.tag_id("no such tag") is None
    assert world.tag_ids("no such tag") == []


# -- co-listening ------------------------------------------------------------------------------


def test_similar_lists_fall_from_one_and_never_hold_their_owner(world: World) -> None:
    for ragged in (world.artist_similar, world.track_similar):
        assert ragged.lengths.max() == 100
        for owner, (ids, match) in enumerate(ragged):
            assert owner not in ids
            assert len(set(ids.tolist())) == len(ids)
            if len(ids):
                assert match[0] == 1
                assert (np.diff(match) <= 0).all()
                assert match[-1] > 0


def test_only_obscure_tracks_have_no_similar_ones(world: World) -> None:
    without = world.track_similar.lengths == 0
    assert 0.2 < without.mean() < 0.4
    assert world.track_popularity[without].max() < np.quantile(world.track_popularity, 0.31)


def test_similar_tracks_sound_alike_and_similar_artists_share_tags(world: World) -> None:
    rng = np.random.default_rng(0)
    sound = world.track_features[:, :5] / world.track_features[:, :5].std(axis=0)
    similar = world.track_similar
    apart = np.abs(sound[similar.rows] - sound[similar.ids]).mean()
    assert apart < 0.75 * np.abs(sound[similar.rows] - sound[rng.permutation(similar.ids)]).mean()
    tags = _bags(world.artist_tags, len(world.tags))
    chosen = rng.choice(np.flatnonzero(world.artist_similar.values > 0.6), 1_000)
    owner, other = world.artist_similar.rows[chosen], world.artist_similar.ids[chosen]
    near = (tags[owner] * tags[other]).sum(axis=1).mean()
    assert near > 2.5 * (tags[owner] * tags[rng.permutation(other)]).sum(axis=1).mean()


def test_popular_tracks_are_in_more_lists(world: World) -> None:
    listed = np.bincount(world.track_similar.ids, minlength=world.n_tracks)
    order = np.argsort(world.track_popularity)
    assert listed[order[-1_000:]].mean() > 2 * listed[order[:1_000]].mean()


# -- names to indices --------------------------------------------------------------------------


def test_a_track_is_found_by_either_services_title(world: World) -> None:
    for track in range(0, world.n_tracks, 97):
        artist = world.artist_name[world.track_artist[track]]
        for title in (world.track_title[track], world.lastfm_title(track)):
            found = world.find_track(f" {artist.upper()} ", title.lower())
            assert found is not None
            assert world.track_artist[found] == world.track_artist[track]
    assert world.find_track("Nobody At All", "Nothing") is None
    assert world.find_artist("nobody at all") is None


def test_some_titles_reach_lastfm_in_another_spelling(world: World) -> None:
    changed = sum(
        world.lastfm_title(track) != title for track, title in enumerate(world.track_title)
    )
    assert 0.05 < changed / world.n_tracks < 0.2


def test_an_artists_tracks_come_most_popular_first(world: World) -> None:
    tracks = world.tracks_of(7)
    assert (world.track_artist[tracks] == 7).all()
    assert len(tracks) == int((world.track_artist == 7).sum())
    assert (np.diff(world.track_popularity[tracks]) <= 0).all()
