import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.training.first_seed import LabelledSet, label_tracks
from smallhours.training.listening_history import read_history
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    add_background,
    add_plays,
    add_signals,
    add_track_tags,
    listener_who_likes_indie,
)

YESTERDAY = NIGHT.date - dt.timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"memory://{tmp_path}")


def label(lake: Lake, night: Night = NIGHT) -> LabelledSet:
    return label_tracks(read_history(lake, ADA, night=night), ADA, night=night)


def row(labelled: LabelledSet, key: str) -> pd.Series:
    found = labelled.frame[labelled.frame["track_key"] == key]
    assert len(found) == 1
    return found.iloc[0]


def keys(labelled: LabelledSet) -> set[str]:
    return set(labelled.frame["track_key"])


def test_top_tracks_weigh_two_saved_ones_one_and_dislikes_are_marked_zero(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    labelled = label(lake)
    assert labelled.counts == {"top": 12, "saved": 18, "background": 40}
    weights = labelled.frame.groupby("evidence")["weight"].unique().map(list).to_dict()
    assert weights == {"top": [2], "saved": [1], "background": [0]}
    likes = labelled.frame["evidence"] != "background"
    assert (labelled.frame["label"] == likes).all()
    assert (labelled.likes_from, labelled.dislikes_disjoint_from) == ("library", "history")


def test_the_strongest_signal_of_a_track_stands(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_signals(lake, "saved", ["indie 0 · song"])
    add_signals(lake, "loved", ["indie 0 · song", "indie 20 · song"])
    labelled = label(lake)
    assert row(labelled, "indie 0 · song")["evidence"] == "top"
    assert row(labelled, "indie 20 · song")["evidence"] == "saved"


def test_loved_tracks_are_likes_too(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_track_tags(lake, {"loved one · song": {"indie": 100}})
    add_signals(lake, "loved", ["loved one · song"])
    found = row(label(lake), "loved one · song")
    assert (found["label"], found["weight"], found["evidence"]) == (1, 1, "loved")


def test_what_was_withdrawn_or_disliked_is_no_like(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_track_tags(lake, {"unsaved · song": {"indie": 100}})
    add_signals(lake, "saved", ["unsaved · song"], first_seen=YESTERDAY, last_seen=YESTERDAY)
    add_signals(lake, "disliked", ["indie 25 · song"])
    assert not keys(label(lake)) & {"unsaved · song", "indie 25 · song"}


def test_nothing_later_than_the_night_is_looked_at(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    before = label(lake)
    add_track_tags(lake, {"tomorrow · song": {"indie": 100, "waltz": 50}})
    tomorrow = NEXT_NIGHT.date
    add_signals(lake, "saved", ["tomorrow · song"], first_seen=tomorrow, last_seen=tomorrow)
    add_plays(lake, {"tomorrow · song": 1}, days_ago=-0.5)
    pd.testing.assert_frame_equal(label(lake).frame, before.frame)


def test_without_a_spotify_library_the_most_played_of_the_year_are_likes(lake: Lake) -> None:
    listener_who_likes_indie(lake, tops=0, saved=0)
    recent = {f"recent {at} · song": 3 for at in range(20)}
    old = {f"old {at} · song": 50 for at in range(20)}
    add_plays(lake, recent)
    add_plays(lake, old, days_ago=500)
    add_track_tags(lake, {key: {"indie": 100} for key in [*recent, *old]})
    labelled = label(lake)
    assert labelled.likes_from == "plays"
    assert labelled.counts == {"played": 20, "background": 40}
    assert set(recent) <= keys(labelled)


def test_dislikes_share_no_artist_with_the_history(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_plays(lake, {"polka 3 · something played": 1})
    assert "polka 3 · tune" not in keys(label(lake))


@pytest.mark.parametrize(("played", "left"), [("Waltz", 26), ("oberkrainer", 27)])
def test_dislikes_share_no_tag_with_anything_played_however_it_is_written(
    lake: Lake, played: str, left: int
) -> None:
    """Compare tags regardless of case: the strange tracks carry `waltz` and `Oberkrainer`."""
    listener_who_likes_indie(lake)
    add_plays(lake, {"tourist · holiday song": 1})
    add_track_tags(lake, {"tourist · holiday song": {played: 100}})
    labelled = label(lake)
    dislikes = labelled.frame[labelled.frame["label"] == 0]
    assert not dislikes["tags"].str.lower().str.contains(played.lower()).any()
    assert len(dislikes) == left
    assert labelled.dislikes_disjoint_from == "history"


def test_if_the_history_leaves_too_few_only_what_is_liked_counts(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_plays(lake, {"tourist · holiday song": 1})
    add_track_tags(lake, {"tourist · holiday song": {"polka": 100}})
    labelled = label(lake)
    assert labelled.dislikes_disjoint_from == "likes"
    assert labelled.counts["background"] == 40


def test_if_the_likes_leave_too_few_only_their_strongest_tags_count(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    likes = [f"indie {at} · song" for at in range(30)]
    # One like carries the strange tag, behind a hundred tags that two likes carry each.
    for at in range(20):
        tags = {f"common {at} {n}": 90 for n in range(5)}
        add_track_tags(lake, {f"pair {at} {twin} · song": tags for twin in "ab"})
        add_signals(lake, "saved", [f"pair {at} {twin} · song" for twin in "ab"])
    add_track_tags(lake, {likes[0]: {"polka": 1}})
    labelled = label(lake)
    assert labelled.dislikes_disjoint_from == "strongest likes"
    assert labelled.counts["background"] == 40


def test_if_every_strange_track_shares_a_common_tag_the_strange_artists_stand_alone(
    lake: Lake,
) -> None:
    listener_who_likes_indie(lake)
    strange = [key for key in keys(label(lake)) if not key.startswith("indie")]
    add_track_tags(lake, {key: {"indie": 100, "polka": 50} for key in strange})
    labelled = label(lake)
    assert labelled.dislikes_disjoint_from == "nobody"
    assert labelled.counts["background"] == 40


def test_only_the_background_route_gives_dislikes(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_track_tags(lake, {"near · song": {"unheard": 100}})
    add_background(lake, ["near · song"], route="similar_track")
    assert "near · song" not in keys(label(lake))


def test_dislikes_keep_the_first_seeds_proportion_and_are_drawn_by_night(lake: Lake) -> None:
    listener_who_likes_indie(lake, strange=260)
    tonight = label(lake)
    assert tonight.counts["background"] == 200
    assert keys(label(lake)) == keys(tonight)
    assert keys(label(lake, NEXT_NIGHT)) != keys(tonight)


def test_likes_without_tags_are_left_out_and_counted(lake: Lake) -> None:
    listener_who_likes_indie(lake)
    add_signals(lake, "saved", ["untagged · song"])
    labelled = label(lake)
    assert labelled.untagged == 1
    assert "untagged · song" not in keys(labelled)


def test_too_few_likes_say_how_many_and_what_to_do(lake: Lake) -> None:
    listener_who_likes_indie(lake, tops=4, saved=3)
    with pytest.raises(NotEnoughData, match=r"ada has 7 liked tracks.*sync_listening"):
        label(lake)


def test_too_few_strange_tracks_say_how_many_and_what_to_do(lake: Lake) -> None:
    listener_who_likes_indie(lake, strange=19)
    with pytest.raises(NotEnoughData, match=r"Of 19 tracks.*catalog\.foreign_tags"):
        label(lake)


def test_an_empty_lake_is_not_enough(lake: Lake) -> None:
    with pytest.raises(NotEnoughData, match="0 liked tracks"):
        label(lake)
