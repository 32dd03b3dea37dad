"""One behaviour suite for every ranker and every intent, on a real lake."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smallhours.identity import artist_key_in, base_of
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, PLAYLISTS, TRACKS
from smallhours.playlist import choose, ledger
from smallhours.playlist.choose import rank_candidates
from smallhours.settings import Settings
from smallhours.summary import Summary
from tests.household import settings_for
from tests.playlist.evening import Evening, write_candidates

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


def asked(intent: str, **wishes: Any) -> Settings:
    """Return settings with one intent beside the main list, with the same settings."""
    me: dict[str, Any] = {"lastfm_user": "ada", "timezone": "Europe/Dublin"}
    me["playlist"] = {"size": SIZE, "shortest": 1, **wishes}
    if intent != "main":
        me["playlist"]["size"] = 1  # what is in the main list can't be in another
        me["intents"] = {intent: {**INTENTS[intent], "size": SIZE, "shortest": 1}}
    return settings_for("http://127.0.0.1:9", listeners={"default": me})


def ranked(evening: Evening, intent: str, date: str = "2026-11-02", **wishes: Any) -> pd.DataFrame:
    """Return the rows of one intent, best first."""
    settings = asked(intent, **wishes)
    night = settings.night("default", date)
    rank_candidates("default", evening.lake, settings=settings, night=night)
    rows = evening.recommendations(date)
    return rows[rows["intent"] == intent]


def listed(rows: pd.DataFrame) -> list[str]:
    return rows[rows["position"].notna()].sort_values("position").index.tolist()


def named(rows: pd.DataFrame) -> list[str]:
    return [*listed(rows), *rows.index[rows["why_not"] == "reserve"]]


@pytest.fixture
def evening(evening: Evening) -> Evening:
    """Return the evening with the features, dates, albums and plays that the intents need."""
    keys = evening.candidates
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
    evening.lake.merge(AUDIO_FEATURES, sound)
    tracks = evening.lake.frame(TRACKS, columns=[c.name for c in TRACKS.columns])
    tracks["prefix"] = tracks["artist_key"].map(prefix_of)
    tracks["album"] = [f"album {place % 7}" for place in range(len(tracks))]
    tracks["released"] = [("2026-10-12", "2026", "1994", "0000")[i % 4] for i in range(len(tracks))]
    tracks["explicit"] = pd.array(
        [[True, False, None][i % 3] for i in range(len(tracks))], "boolean"
    )
    evening.lake.merge(TRACKS, tracks)
    heard = {artist_key_in(key) for key in evening.known}
    own = [key for key in keys if artist_key_in(key) in heard]
    votes = [
        (key, "similar_track", evening.known[i % len(evening.known)], 0.9 * 0.98**i)
        for i, key in enumerate(keys)
    ]
    votes += [(key, "known_artist", artist_key_in(key), 0.5 / (i + 1)) for i, key in enumerate(own)]
    write_candidates(evening.lake, [*votes, (evening.known[0], "tag", "folk", 0.9)])
    return evening


@pytest.mark.parametrize("intent", RANKERS)
def test_the_same_night_gives_the_same_rows_and_another_explores_elsewhere(
    evening: Evening, intent: str
) -> None:
    first = ranked(evening, intent, exploration=0.4)
    pd.testing.assert_frame_equal(ranked(evening, intent, exploration=0.4), first)


@pytest.mark.parametrize("intent", [each for each in RANKERS if each != "deep"])
def test_there_is_a_list_and_every_pick_has_a_reason_of_its_own(
    evening: Evening, intent: str
) -> None:
    rows = ranked(evening, intent)
    assert listed(rows)
    reasons = rows.loc[named(rows), "reason"]
    assert reasons.str.fullmatch(r"\S.{5,}\.").all()
    assert rows.loc[named(rows), "reason_kind"].notna().all()
    if intent not in FAMILIAR:  # two favourites of one play each have no more to say
        for one, two in pairwise(rows.loc[listed(rows), "reason"]):
            assert one != two


@pytest.mark.parametrize("intent", RANKERS)
def test_nothing_comes_twice_and_no_song_in_two_versions(evening: Evening, intent: str) -> None:
    songs = [base_of(key) for key in named(ranked(evening, intent))]
    assert len(set(songs)) == len(songs)


@pytest.mark.parametrize("intent", RANKERS)
def test_new_music_is_never_heard_before_and_familiar_music_always(
    evening: Evening, intent: str
) -> None:
    known = set(map(base_of, evening.known))
    for key in named(ranked(evening, intent)):
        assert (base_of(key) in known) == (intent in FAMILIAR)


@pytest.mark.parametrize("intent", RANKERS)
def test_what_is_blocked_never_comes(evening: Evening, intent: str) -> None:
    before = named(ranked(evening, intent))
    if not before:
        pytest.skip("this evening has nothing for it")
    tracks = evening.lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    row = tracks.set_index("track_key").loc[before[-1]]
    after = named(
        ranked(
            evening,
            intent,
            blocked_artists=[artist_key_in(before[0]).upper()],
            blocked_tracks=[f"{row['artist']} – {row['title']}"],
            blocked_tags=["Dub"],
        )
    )
    tags = evening.lake.frame(ARTIST_TAGS, columns=["artist_key", "tag"])
    dub = set(tags.loc[tags["tag"] == "dub", "artist_key"])
    assert not {artist_key_in(before[0]), *dub} & set(map(artist_key_in, after))
    assert before[-1] not in after


@pytest.mark.parametrize("intent", RANKERS)
def test_what_is_marked_explicit_stays_out_where_that_is_wished(
    evening: Evening, intent: str
) -> None:
    tracks = evening.lake.frame(TRACKS, columns=["track_key", "explicit"])
    marked = set(tracks.loc[tracks["explicit"].fillna(value=False), "track_key"])
    assert not marked & set(named(ranked(evening, intent, explicit=False)))


@pytest.mark.parametrize("intent", RANKERS)
@pytest.mark.parametrize("cap", [1, 2])
def test_the_caps_hold_over_list_and_reserve(evening: Evening, intent: str, cap: int) -> None:
    rows = ranked(evening, intent, artist_cap=cap, album_cap=1)
    keys = named(rows)
    assert max(Counter(map(artist_key_in, keys)).values(), default=0) <= cap
    tracks = evening.lake.frame(TRACKS, columns=["track_key", "artist_key", "album"])
    albums = tracks.set_index("track_key").loc[keys]
    assert not albums.duplicated().any()


@pytest.mark.parametrize("intent", RANKERS)
def test_no_artist_follows_themselves(evening: Evening, intent: str) -> None:
    keys = listed(ranked(evening, intent, artist_cap=2))
    together = [pair for pair in pairwise(map(artist_key_in, keys)) if pair[0] == pair[1]]
    most = max(Counter(map(artist_key_in, keys)).values(), default=0)
    assert len(together) <= max(0, 2 * most - len(keys) - 1)


@pytest.mark.parametrize("intent", RANKERS)
def test_what_was_shown_lately_waits_for_its_window(evening: Evening, intent: str) -> None:
    shown = listed(ranked(evening, intent))
    row = ledger.entry(
        night=dt.date(2026, 11, 2),
        name="Smallhours",
        playlist_id="id",
        outcome=ledger.VERIFIED,
        note="",
        track_keys=shown,
        uris=[],
    )
    evening.lake.merge(PLAYLISTS, row, partition={"listener": "default"})
    next_night = named(ranked(evening, intent, "2026-11-03", not_again_nights=5))
    assert not set(shown) & set(next_night)


@pytest.mark.parametrize("intent", RANKERS)
def test_explorers_and_only_they_carry_a_probability(evening: Evening, intent: str) -> None:
    rows = ranked(evening, intent, exploration=0.5)
    explored = rows["slot"] == "explore"
    assert rows.loc[explored, "propensity"].between(0, 1, inclusive="right").all()
    assert rows.loc[~explored, "propensity"].isna().all()


@pytest.mark.parametrize("intent", RANKERS)
def test_the_first_five_places_are_for_what_is_sure(evening: Evening, intent: str) -> None:
    rows = ranked(evening, intent, exploration=0.5)
    keys = listed(rows)
    sure = int((rows.loc[keys, "slot"] == "exploit").sum())
    assert (rows.loc[keys[: min(5, sure)], "slot"] == "exploit").all()


@pytest.mark.parametrize("intent", RANKERS)
def test_one_candidate_is_enough_and_none_for_the_intent_is_no_failure(
    evening: Evening, intent: str
) -> None:
    write_candidates(
        evening.lake, [(evening.candidates[0], "similar_track", evening.known[0], 0.5)]
    )
    rows = ranked(evening, intent)
    assert len(named(rows)) <= (len(evening.known) if intent in FAMILIAR else 1)


@pytest.mark.parametrize("intent", RANKERS)
def test_identical_scores_still_make_a_list_within_the_caps(evening: Evening, intent: str) -> None:
    seed = evening.known[0]
    write_candidates(evening.lake, [(key, "tag", seed, 0.5) for key in evening.candidates])
    _level(evening)
    rows = ranked(evening, intent)
    assert max(Counter(map(artist_key_in, named(rows))).values(), default=0) <= 2
    pd.testing.assert_frame_equal(ranked(evening, intent), rows)


@pytest.mark.parametrize("intent", RANKERS)
def test_hostile_tags_change_nothing_but_the_picks(evening: Evening, intent: str) -> None:
    hostile = ["", " ", "%s{0}", "\u202eevil", "a" * 500, "💥", "'; drop table", "\0nul", "ß\u0301"]
    artists = sorted({artist_key_in(key) for key in evening.candidates})
    frame = pd.DataFrame(
        [
            {"artist_key": artist, "artist": artist, "tag": tag, "count": 100 - place}
            for artist in artists
            for place, tag in enumerate(hostile)
        ]
    )
    frame["fetched_at"] = dt.date(2026, 11, 1)
    frame["prefix"] = frame["artist_key"].map(prefix_of)
    evening.lake.merge(ARTIST_TAGS, frame)
    rows = ranked(evening, intent, blocked_tags=["💥 no such"])
    assert rows["reason"].notna().all()
    assert len(set(named(rows))) == len(named(rows))


def test_no_track_is_in_two_of_the_nights_lists(evening: Evening) -> None:
    intents = {
        key: {**intent, "size": 5, "shortest": 1} for key, intent in INTENTS.items() if intent
    }
    me = {"lastfm_user": "ada", "timezone": "Europe/Dublin", "intents": intents}
    settings = settings_for("http://127.0.0.1:9", listeners={"default": me})
    summary = _rank(evening, settings)
    rows = evening.recommendations()
    assert not rows[rows["position"].notna()].index.duplicated().any()
    spare = rows[rows["why_not"] == "reserve"]
    assert not set(spare.index) & set(rows.index[rows["position"].notna()])
    assert {f"intent_{key}" for key in intents} <= summary.keys()


def test_an_intent_that_is_gone_from_the_settings_leaves_no_rows(evening: Evening) -> None:
    ranked(evening, "folk")
    ranked(evening, "main")
    assert set(evening.recommendations()["intent"]) == {"main"}


def _rank(evening: Evening, settings: Settings) -> Summary:
    night = settings.night("default", "2026-11-02")
    return choose.rank_candidates("default", evening.lake, settings=settings, night=night)


def _level(evening: Evening) -> None:
    """Give every artist of the evening the same tags."""
    tags = evening.lake.frame(ARTIST_TAGS, columns=[c.name for c in ARTIST_TAGS.columns])
    tags = tags[tags["tag"] == "shoegaze"].assign(prefix=tags["artist_key"].map(prefix_of))
    for prefix, rows in tags.groupby("prefix"):
        evening.lake.replace(
            ARTIST_TAGS, rows.drop(columns="prefix"), partition={"prefix": str(prefix)}
        )
