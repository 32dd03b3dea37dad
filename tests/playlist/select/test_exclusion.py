"""Tests of the tracks that may not be chosen, and of the reasons given."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.select.exclusion import (
    BlockList,
    MetTracks,
    exclusion_reasons,
    preference_reasons,
)
from smallhours.playlist_settings import PlaylistSettings

NIGHT = dt.date(2026, 11, 2)
RIDE = "ride · leave them all behind"
LIVE = "ride · leave them all behind · live at reading"


def days_ago(days: int) -> dt.date:
    return NIGHT - dt.timedelta(days=days)


def excluded(
    key: str, *, blocked: BlockList | None = None, played: int | None = None, **met_tracks: object
) -> str:
    (why,) = exclusion_reasons(
        [key],
        met_tracks=MetTracks(**{"known": {}, **met_tracks}),  # type: ignore[arg-type]
        blocked=blocked or BlockList(),
        night=NIGHT,
        not_again_nights=30,
        not_played_days=played,
    )
    return why


def test_another_version_of_what_the_listener_knows_is_known() -> None:
    assert excluded(RIDE, known={RIDE: None}) == "known"
    assert excluded(LIVE, known={RIDE: None}) == "known in another version"
    assert excluded("ride · seagull", known={RIDE: None}) == ""


def test_any_version_of_what_was_rejected_is_out() -> None:
    assert excluded(LIVE, disliked={RIDE}) == "disliked"


@pytest.mark.parametrize(
    ("nights", "why"),
    [(0, ""), (1, "recommended 1 night ago"), (30, "recommended 30 nights ago"), (31, "")],
)
def test_a_pick_comes_back_after_the_window(nights: int, why: str) -> None:
    assert excluded(LIVE, shown={RIDE: days_ago(nights)}) == why


@pytest.mark.parametrize(
    ("days", "why"),
    [(0, "played today"), (1, "played 1 day ago"), (90, "played 90 days ago"), (91, "")],
)
def test_what_was_not_played_for_long_may_come_where_that_is_wished(days: int, why: str) -> None:
    assert excluded(RIDE, known={RIDE: days_ago(days)}, played=90) == why
    assert excluded(RIDE, known={RIDE: days_ago(days)}) == "known"


def test_the_latest_play_of_any_version_counts() -> None:
    known = {RIDE: days_ago(400), LIVE: days_ago(3)}
    assert excluded(RIDE, known=known, played=90) == "played 3 days ago"


def test_what_the_settings_block_is_out_however_it_is_written() -> None:
    playlist_settings = PlaylistSettings(
        blocked_artists=("RIDE",),
        blocked_tracks=("Jay - Z - Run – This Town", "Lush - Deluxe (2015 Remaster)"),
        blocked_tags=("Hip Hop",),
    )
    blocked = BlockList.by(playlist_settings)
    assert excluded(RIDE, blocked=blocked) == "blocked artist"
    assert excluded("lush · deluxe", blocked=blocked) == "blocked track"
    assert excluded("jay z · run this town", blocked=blocked) == "blocked track"
    assert excluded("lush · monochrome", blocked=blocked) == ""
    assert blocked.tags == {"hip-hop"}


def unwanted(**playlist_settings: object) -> list[str]:
    keys = pd.Index(["a · x", "b · y", "c · z"])
    settings = PlaylistSettings.model_validate(playlist_settings)
    return preference_reasons(
        keys,
        playlist_settings=settings,
        known_artist=pd.Series([True, False, False], keys),
        explicit=pd.Series([None, True, False], keys, dtype="boolean"),
        tagged={"a · x": {"jazz"}, "b · y": {"polka"}, "c · z": set()}.__getitem__,
        blocked=BlockList.by(settings),
    ).tolist()


def test_nothing_is_unwanted_unless_it_is_said() -> None:
    assert unwanted() == ["", "", ""]


def test_explicit_tracks_are_out_where_that_is_known() -> None:
    assert unwanted(explicit=False) == ["", "explicit", ""]


def test_a_blocked_tag_keeps_its_tracks_out() -> None:
    assert unwanted(blocked_tags=["Polka"]) == ["", "blocked tag", ""]


def test_the_ends_of_the_familiarity_dial_are_walls() -> None:
    assert unwanted(familiarity=-1) == ["an artist that you know", "", ""]
    assert unwanted(familiarity=1)[1:] == ["an artist that you do not know"] * 2
    assert unwanted(familiarity=0.9) == ["", "", ""]


KEYS = st.sampled_from([RIDE, LIVE, "ride · seagull", "lush · deluxe", "low · lullaby"])


@given(
    tracks=st.lists(KEYS, max_size=6),
    known=st.dictionaries(KEYS, st.none() | st.integers(0, 400).map(days_ago)),
    disliked=st.frozensets(KEYS),
    shown=st.dictionaries(KEYS, st.integers(0, 60).map(days_ago)),
    window=st.integers(0, 40),
)
def test_nothing_known_rejected_or_recent_ever_passes(
    tracks: list[str],
    known: dict[str, dt.date | None],
    disliked: frozenset[str],
    shown: dict[str, dt.date],
    window: int,
) -> None:
    why = exclusion_reasons(
        tracks,
        met_tracks=MetTracks(known, disliked, shown),
        blocked=BlockList(),
        night=NIGHT,
        not_again_nights=window,
    )
    for key in (key for key, reason in zip(tracks, why, strict=True) if not reason):
        assert key not in known
        assert key not in disliked
        assert key not in shown or not 0 < (NIGHT - shown[key]).days <= window
