"""One behaviour suite for every ranker and every intent, on a real lake."""

import dataclasses
import datetime as dt
import functools
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, identify, song_key_of
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, PLAYS, TRACKS
from smallhours.listening.plays import month_of, plays_frame
from smallhours.playlist.intents.listening import LOVED_PLAYS
from smallhours.playlist.publish import ledger
from smallhours.playlist.rank import stage
from smallhours.playlist.rank.stage import rank_candidates
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Outcome
from tests.playlist.ranked_lake import RankedLake, write_candidates
from tests.service_fixtures import settings_for

pytestmark = pytest.mark.slow(seconds=0.5)

INTENTS: Mapping[str, Mapping[str, Any]] = {
    "main": {},
    "calm": {"kind": "mood", "sound": {"energy": [0.0, 0.6]}},
    "evenings": {"kind": "time_of_day", "hours": [0, 24]},
    "forgotten": {"kind": "forgotten", "not_played_days": 7, "least_plays": 1},
    "deep": {"kind": "deep_cuts"},
    "new": {"kind": "new_releases"},
    "folk": {"kind": "tags", "tags": ["folk", "jazz"]},
}
RANKERS = list(INTENTS)
FAMILIAR = {"forgotten"}
SIZE = 12
# Several wishes at once, so that each intent is ranked with them once.
WISHES: Mapping[str, Any] = {"exploration": 0.5, "explicit": False}


def asked(*intents: str, size: int = SIZE, **playlist_settings: Any) -> Settings:
    """Return settings with intents beside the main list, with the same settings."""
    me: dict[str, Any] = {"lastfm_user": "ada", "timezone": "Europe/Dublin"}
    me["playlist"] = {"size": size, "shortest": 1, **playlist_settings}
    if "main" not in intents:
        me["playlist"]["size"] = 1  # what is in the main list can't be in another
    me["intents"] = {
        each: {**INTENTS[each], "size": size, "shortest": 1} for each in intents if INTENTS[each]
    }
    return settings_for("http://127.0.0.1:9", listeners={"default": me})


def ranked(
    ranked_lake: RankedLake, intent: str, date: str = "2026-11-02", **playlist_settings: Any
) -> pd.DataFrame:
    """Return the rows of one intent, best first."""
    settings = asked(intent, **playlist_settings)
    night = settings.night("default", date)
    rank_candidates("default", ranked_lake.lake, settings=settings, night=night)
    rows = ranked_lake.recommendations(date)
    return rows[rows["intent"] == intent]


def ranked_together(ranked_lake: RankedLake, **playlist_settings: Any) -> dict[str, pd.DataFrame]:
    """Return the rows of all intents of one night: their lists are short, so that all find some."""
    _rank(ranked_lake, asked(*RANKERS, size=5, **playlist_settings))
    rows = ranked_lake.recommendations()
    return {intent: rows[rows["intent"] == intent] for intent in RANKERS}


Ranking = Callable[..., pd.DataFrame]


def listed(rows: pd.DataFrame) -> list[str]:
    return rows[rows["position"].notna()].sort_values("position").index.tolist()


def named(rows: pd.DataFrame) -> list[str]:
    return [*listed(rows), *rows.index[rows["why_not"] == "reserve"]]


@pytest.fixture(scope="module")
def full_lake(
    first_ranked_lake: RankedLake, tmp_path_factory: pytest.TempPathFactory
) -> RankedLake:
    """Return a lake with the features, dates, albums and plays that the intents need.

    Tests change a copy of it.
    """
    ranked_lake = _copy(first_ranked_lake, tmp_path_factory.mktemp("full"))
    ranked_lake.candidates = [*ranked_lake.candidates, *_add_deep_cuts(ranked_lake)]
    keys = ranked_lake.candidates
    rng = np.random.default_rng(5)
    sound = pd.DataFrame(
        [
            (key, feature, value)
            for key in keys
            for feature, value in zip(
                ("energy", "tempo", "key", "mode"),
                rng.uniform((0, 60, 0, 0), (1, 180, 11, 1)).round(2).tolist(),
                strict=True,
            )
        ],
        columns=["track_key", "feature", "value"],
    ).assign(source="reccobeats", low=None, high=None, model=None)
    sound["fetched_at"] = dt.date(2026, 11, 1)
    sound["prefix"] = sound["track_key"].map(artist_key_in).map(prefix_of)
    ranked_lake.lake.merge(AUDIO_FEATURES, sound)
    tracks = ranked_lake.lake.frame(TRACKS, columns=[c.name for c in TRACKS.columns])
    tracks["prefix"] = tracks["artist_key"].map(prefix_of)
    tracks["album"] = [f"album {place % 7}" for place in range(len(tracks))]
    tracks["released"] = [("2026-10-12", "2026", "1994", "0000")[i % 4] for i in range(len(tracks))]
    tracks["explicit"] = pd.array(
        [[True, False, None][i % 3] for i in range(len(tracks))], "boolean"
    )
    ranked_lake.lake.merge(TRACKS, tracks)
    heard = {artist_key_in(key) for key in ranked_lake.known}
    own = [key for key in keys if artist_key_in(key) in heard]
    votes = [
        (key, "similar_track", ranked_lake.known[i % len(ranked_lake.known)], 0.9 * 0.98**i)
        for i, key in enumerate(keys)
    ]
    votes += [(key, "known_artist", artist_key_in(key), 0.5 / (i + 1)) for i, key in enumerate(own)]
    write_candidates(ranked_lake.lake, [*votes, (ranked_lake.known[0], "tag", "folk", 0.9)])
    return ranked_lake


@pytest.fixture
def ranked_lake(full_lake: RankedLake, tmp_path: Path) -> RankedLake:
    """Return a copy of the full lake, to be changed."""
    return _copy(full_lake, tmp_path)


@pytest.fixture(scope="module")
def ranking(full_lake: RankedLake, tmp_path_factory: pytest.TempPathFactory) -> Ranking:
    """Return `ranked` over the full lake, which ranks once for all tests of the same settings."""
    return functools.cache(
        functools.partial(ranked, _copy(full_lake, tmp_path_factory.mktemp("ranking")))
    )


def test_the_same_night_gives_the_same_rows(ranked_lake: RankedLake) -> None:
    first, again = (ranked_together(ranked_lake, **WISHES) for _ in range(2))
    for intent in RANKERS:
        assert listed(first[intent]), intent
        pd.testing.assert_frame_equal(again[intent], first[intent])


def test_another_night_explores_elsewhere(ranking: Ranking) -> None:
    nights = [ranking("main", date, **WISHES) for date in ("2026-11-02", "2026-11-03")]
    first, second = (set(rows.index[rows["slot"] == "explore"]) for rows in nights)
    assert first != second


@pytest.mark.parametrize("intent", RANKERS)
def test_there_is_a_list_and_every_pick_has_a_reason_of_its_own(
    ranking: Ranking, intent: str
) -> None:
    rows = ranking(intent)
    assert listed(rows)
    reasons = rows.loc[named(rows), "reason"]
    assert reasons.str.fullmatch(r"\S.{5,}\.").all()
    assert rows.loc[named(rows), "reason_kind"].notna().all()
    if intent not in FAMILIAR:  # two favourites of one play each have no more to say
        for one, two in pairwise(rows.loc[listed(rows), "reason"]):
            assert one != two


@pytest.mark.parametrize("intent", RANKERS)
def test_nothing_comes_twice_and_no_song_in_two_versions(ranking: Ranking, intent: str) -> None:
    songs = [song_key_of(key) for key in named(ranking(intent))]
    assert len(set(songs)) == len(songs)


@pytest.mark.parametrize("intent", RANKERS)
def test_new_music_is_never_heard_before_and_familiar_music_always(
    full_lake: RankedLake, ranking: Ranking, intent: str
) -> None:
    known = set(map(song_key_of, full_lake.known))
    for key in named(ranking(intent)):
        assert (song_key_of(key) in known) == (intent in FAMILIAR)


@pytest.mark.parametrize("intent", RANKERS)
def test_what_is_blocked_never_comes(
    ranked_lake: RankedLake, ranking: Ranking, intent: str
) -> None:
    before = named(ranking(intent))
    tracks = ranked_lake.lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    row = tracks.set_index("track_key").loc[before[-1]]
    after = named(
        ranked(
            ranked_lake,
            intent,
            blocked_artists=[artist_key_in(before[0]).upper()],
            blocked_tracks=[f"{row['artist']} – {row['title']}"],
            blocked_tags=["Dub"],
        )
    )
    tags = ranked_lake.lake.frame(ARTIST_TAGS, columns=["artist_key", "tag"])
    dub = set(tags.loc[tags["tag"] == "dub", "artist_key"])
    assert not {artist_key_in(before[0]), *dub} & set(map(artist_key_in, after))
    assert before[-1] not in after


@pytest.mark.parametrize("intent", RANKERS)
def test_what_is_marked_explicit_stays_out_where_that_is_wished(
    full_lake: RankedLake, ranking: Ranking, intent: str
) -> None:
    tracks = full_lake.lake.frame(TRACKS, columns=["track_key", "explicit"])
    marked = set(tracks.loc[tracks["explicit"].fillna(value=False), "track_key"])
    assert not marked & set(named(ranking(intent, **WISHES)))


@pytest.mark.parametrize("intent", RANKERS)
@pytest.mark.parametrize("cap", [1, 2])
def test_the_caps_hold_over_list_and_reserve(
    full_lake: RankedLake, ranking: Ranking, intent: str, cap: int
) -> None:
    rows = ranking(intent, artist_cap=cap, album_cap=1)
    keys = named(rows)
    assert max(Counter(map(artist_key_in, keys)).values(), default=0) <= cap
    tracks = full_lake.lake.frame(TRACKS, columns=["track_key", "artist_key", "album"])
    albums = tracks.set_index("track_key").loc[keys]
    assert not albums.duplicated().any()


@pytest.mark.parametrize("intent", RANKERS)
def test_no_artist_follows_themselves(ranking: Ranking, intent: str) -> None:
    keys = listed(ranking(intent))
    together = [pair for pair in pairwise(map(artist_key_in, keys)) if pair[0] == pair[1]]
    most = max(Counter(map(artist_key_in, keys)).values(), default=0)
    assert len(together) <= max(0, 2 * most - len(keys) - 1)


def _show(ranked_lake: RankedLake, keys: list[str]) -> None:
    """Note a list of the night before."""
    row = ledger.entry(
        night=dt.date(2026, 11, 2),
        name="Smallhours",
        playlist_id="id",
        outcome=Outcome.VERIFIED,
        note="",
        track_keys=keys,
        uris=[],
    )
    ranked_lake.lake.merge(PLAYLISTS, row, partition={"listener": "default"})


@pytest.mark.parametrize("intent", RANKERS)
def test_what_was_shown_lately_waits_for_its_window(
    ranked_lake: RankedLake, ranking: Ranking, intent: str
) -> None:
    shown = listed(ranking(intent))
    _show(ranked_lake, shown)
    next_night = named(ranked(ranked_lake, intent, "2026-11-03", not_again_nights=5))
    assert not set(shown) & set(next_night)


def test_an_artist_that_was_shown_lately_waits_for_its_window(
    ranked_lake: RankedLake, ranking: Ranking
) -> None:
    shown = listed(ranking("main"))[:3]
    _show(ranked_lake, shown)
    again, rested = (
        named(ranked(ranked_lake, "main", "2026-11-03", artist_cooldown_nights=nights))
        for nights in (0, 1)
    )
    artists = set(map(artist_key_in, shown))
    assert artists & set(map(artist_key_in, again))
    assert not artists & set(map(artist_key_in, rested[:SIZE]))


@pytest.mark.parametrize("intent", RANKERS)
def test_explorers_and_only_they_carry_a_probability(ranking: Ranking, intent: str) -> None:
    rows = ranking(intent, **WISHES)
    explored = rows["slot"] == "explore"
    assert rows.loc[explored, "propensity"].between(0, 1, inclusive="right").all()
    assert rows.loc[~explored, "propensity"].isna().all()


@pytest.mark.parametrize("intent", RANKERS)
def test_the_first_five_places_are_for_what_is_sure(ranking: Ranking, intent: str) -> None:
    rows = ranking(intent, **WISHES)
    keys = listed(rows)
    sure = int((rows.loc[keys, "slot"] == "exploit").sum())
    assert (rows.loc[keys[: min(5, sure)], "slot"] == "exploit").all()


@pytest.mark.parametrize("intent", RANKERS)
def test_one_candidate_is_enough_and_none_for_the_intent_is_no_failure(
    ranked_lake: RankedLake, intent: str
) -> None:
    write_candidates(
        ranked_lake.lake, [(ranked_lake.candidates[0], "similar_track", ranked_lake.known[0], 0.5)]
    )
    rows = ranked(ranked_lake, intent)
    assert len(named(rows)) <= (len(ranked_lake.known) if intent in FAMILIAR else 1)


def test_identical_scores_still_make_lists_within_the_caps(ranked_lake: RankedLake) -> None:
    seed = ranked_lake.known[0]
    write_candidates(ranked_lake.lake, [(key, "tag", seed, 0.5) for key in ranked_lake.candidates])
    _level(ranked_lake)
    rows = ranked_together(ranked_lake)
    again = ranked_together(ranked_lake)
    for intent in RANKERS:
        counts = Counter(map(artist_key_in, named(rows[intent])))
        assert max(counts.values(), default=0) <= 2, intent
        pd.testing.assert_frame_equal(again[intent], rows[intent])


def test_hostile_tags_change_nothing_but_the_picks(ranked_lake: RankedLake) -> None:
    hostile = ["", " ", "%s{0}", "\u202eevil", "a" * 500, "💥", "'; drop table", "\0nul", "ß\u0301"]
    artists = sorted({artist_key_in(key) for key in ranked_lake.candidates})
    frame = pd.DataFrame(
        [
            {"artist_key": artist, "artist": artist, "tag": tag, "count": 100 - place}
            for artist in artists
            for place, tag in enumerate(hostile)
        ]
    )
    frame["fetched_at"], frame["source"] = dt.date(2026, 11, 1), "lastfm"
    frame["prefix"] = frame["artist_key"].map(prefix_of)
    ranked_lake.lake.merge(ARTIST_TAGS, frame)
    for rows in ranked_together(ranked_lake, blocked_tags=["💥 no such"]).values():
        assert rows["reason"].notna().all()
        assert len(set(named(rows))) == len(named(rows))


def test_no_track_is_in_two_of_the_nights_lists(ranked_lake: RankedLake) -> None:
    summary = _rank(ranked_lake, asked(*RANKERS, size=5))
    rows = ranked_lake.recommendations()
    assert not rows[rows["position"].notna()].index.duplicated().any()
    spare = rows[rows["why_not"] == "reserve"]
    assert not set(spare.index) & set(rows.index[rows["position"].notna()])
    assert {f"intent_{intent}" for intent in RANKERS if INTENTS[intent]} <= summary.keys()


def test_an_intent_that_is_gone_from_the_settings_leaves_no_rows(ranked_lake: RankedLake) -> None:
    ranked(ranked_lake, "folk")
    ranked(ranked_lake, "main")
    assert set(ranked_lake.recommendations()["intent"]) == {"main"}


def _rank(ranked_lake: RankedLake, settings: Settings) -> Summary:
    night = settings.night("default", "2026-11-02")
    return stage.rank_candidates("default", ranked_lake.lake, settings=settings, night=night)


def _level(ranked_lake: RankedLake) -> None:
    """Give every artist of the lake the same tags."""
    tags = ranked_lake.lake.frame(ARTIST_TAGS, columns=[c.name for c in ARTIST_TAGS.columns])
    tags = tags[tags["tag"] == "shoegaze"].assign(prefix=tags["artist_key"].map(prefix_of))
    for prefix, rows in tags.groupby("prefix"):
        ranked_lake.lake.replace(
            ARTIST_TAGS, rows.drop(columns="prefix"), partition={"prefix": str(prefix)}
        )


def _copy(ranked_lake: RankedLake, folder: Path) -> RankedLake:
    shutil.copytree(ranked_lake.lake.url, folder / "lake")
    return dataclasses.replace(ranked_lake, lake=Lake(str(folder / "lake")))


def _add_deep_cuts(ranked_lake: RankedLake) -> list[str]:
    """Add plays and eight more tracks of the two artists that are played most; return the keys."""
    lake, known = ranked_lake.lake, ranked_lake.known
    loved = [key for key, _ in Counter(map(artist_key_in, known)).most_common(2)]
    favourites = {artist_key_in(key): ranked_lake.names[key].split(" – ") for key in known}
    start = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    plays = plays_frame(
        [
            {
                "played_at": start + dt.timedelta(hours=2 * i + place),
                "artist": artist,
                "title": title,
            }
            for place, (artist, title) in enumerate(favourites[key] for key in loved)
            for i in range(LOVED_PLAYS)
        ],
        source="lastfm",
    )
    plays["month"] = month_of(plays["played_at"])
    lake.merge(PLAYS, plays, partition={"listener": "default"})
    named = [(favourites[key][0], f"Deep cut {place}") for key in loved for place in range(8)]
    frame = pd.DataFrame(named, columns=["artist", "title"]).assign(listeners=5)
    add_tracks(lake, frame, night=dt.date(2026, 11, 1))
    return [identify(artist, title).track_key for artist, title in named]
