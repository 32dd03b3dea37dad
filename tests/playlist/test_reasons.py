"""Reasons, as the listener reads them."""

from collections.abc import Sequence

import pandas as pd
import pytest

from smallhours.playlist.evidence import History
from smallhours.playlist.grounds import features_of, seeds_of
from smallhours.playlist.reasons import Feature, Grounds, reason

HISTORY = History(
    tracks=pd.DataFrame(
        {
            "artist": ["Slowdive", "Ride", "Sigur Rós", "Lush", "Slowdive"],
            "title": ["Alison", "Vapour Trail", "Sæglópur", "Ladykillers", "Dagger"],
            "plays": [41, 1, 0, 0, 7],
            "saved": [False, True, True, False, False],
        },
        index=[
            "slowdive · alison",
            "ride · vapour trail",
            "sigur ros · saeglopur",
            "lush · ladykillers",
            "slowdive · dagger",
        ],
    ),
    artists=pd.DataFrame(
        {"artist": ["Slowdive", "Ride"], "plays": [1312, 1], "tracks": [14, 1]},
        index=["slowdive", "ride"],
    ),
    disliked=frozenset(),
)
PROFILE = pd.Series({"shoegaze": 0.5, "dream pop": 0.3, "jazz": 0.1})
CALM = Feature("energy", 0.31, 0.12, predicted=True)


def said(
    *seeds: tuple[str, str],
    key: str = "low · lullaby",
    tags: Sequence[str] = (),
    features: Sequence[Feature] = (),
    slot: str = "exploit",
) -> str:
    return reason(Grounds(key, seeds, tags, features, slot, 12, 5312), HISTORY, PROFILE)


def test_it_names_the_seeds_the_tags_and_the_sound() -> None:
    text = said(
        ("similar_track", "slowdive · alison"),
        ("similar_track", "ride · vapour trail"),
        tags=["dream pop", "shoegaze", "indie"],
        features=[CALM],
    )
    assert text == (
        "Close to Slowdive – Alison (41 plays) and Ride – Vapour Trail (1 play); "
        "dream pop and shoegaze; calm (predicted energy .31 ± .12)."
    )


def test_names_are_the_ones_that_people_write() -> None:
    text = said(("similar_track", "sigur ros · saeglopur"))
    assert text == "Close to Sigur Rós – Sæglópur (saved)."


def test_a_seed_that_was_neither_played_nor_saved_claims_nothing() -> None:
    assert said(("similar_track", "lush · ladykillers")) == "Close to Lush – Ladykillers."


def test_many_seeds_are_counted_not_listed() -> None:
    seeds = [("similar_track", key) for key in HISTORY.tracks.index]
    assert "and 3 more of yours" in said(*seeds)
    assert "and one more of yours" in said(*seeds[:3])


def test_the_second_seed_named_is_somebody_elses_where_there_is_one() -> None:
    text = said(
        ("similar_track", "slowdive · alison"),
        ("similar_track", "slowdive · dagger"),
        ("similar_track", "ride · vapour trail"),
    )
    assert "Slowdive – Alison (41 plays), Ride – Vapour Trail (1 play) and one more" in text


def test_artists_are_named_where_the_tracks_leave_something_to_say() -> None:
    alison = ("similar_track", "slowdive · alison")
    near = (("similar_artist", "slowdive"), ("similar_artist", "ride"))
    assert said(alison, *near) == (
        "Close to Slowdive – Alison (41 plays); by an artist near Ride (1 play)."
    )
    assert "an artist near" not in said(alison, ("similar_track", "ride · vapour trail"), *near)


def test_a_known_artists_track_says_how_much_of_them_is_known() -> None:
    text = said(("known_artist", "slowdive"), key="slowdive · machine gun")
    assert text == "More by Slowdive, of whom you know 14 tracks."
    assert "know one track" in said(("known_artist", "ride"), key="ride · seagull")


def test_an_artist_nearby_is_named_with_its_plays() -> None:
    assert said(("similar_artist", "slowdive")) == "By an artist near Slowdive (1,312 plays)."


def test_a_track_that_came_by_a_tag_says_where_that_tag_stands() -> None:
    text = said(("tag", "shoegaze"), tags=["shoegaze", "indie"])
    assert text == "One of the best-known tracks in shoegaze, your strongest tag; indie."
    assert said(("tag", "polka")) == "One of the best-known tracks in polka."


def test_an_explorer_says_that_it_is_one() -> None:
    text = said(("similar_artist", "ride"), slot="explore")
    assert text == "A step aside, drawn from rank 12 of 5,312; by an artist near Ride (1 play)."


def test_without_any_seed_it_says_what_it_rests_on() -> None:
    assert said(tags=["jazz"]) == "Rank 12 of 5,312 by its tags; jazz."


def test_a_seed_that_the_listener_no_longer_has_is_not_named() -> None:
    assert "gone" not in said(("similar_track", "gone · away"), ("similar_artist", "ride"))


def test_a_middling_sound_is_not_worth_a_word() -> None:
    middling = Feature("energy", 0.55, None, predicted=False)
    assert said(("similar_artist", "ride"), features=[middling]) == (
        "By an artist near Ride (1 play)."
    )


def test_the_feature_that_stands_out_most_is_told_as_measured_or_predicted() -> None:
    features = [CALM, Feature("acousticness", 0.97, None, predicted=False)]
    assert "acoustic (measured acousticness .97)" in said(features=features)


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.00"), (0.997, "1.00"), (0.8, ".80")])
def test_figures_are_short(value: float, text: str) -> None:
    assert f"energy {text})" in said(features=[Feature("energy", value, None, predicted=False)])


def test_what_was_measured_goes_before_what_was_predicted() -> None:
    rows = pd.DataFrame(
        [
            ("a · b", "predicted", "energy", 0.2, 0.1, 0.4),
            ("a · b", "reccobeats", "energy", 0.9, None, None),
            ("a · b", "predicted", "valence", 0.5, 0.4, 0.7),
        ],
        columns=["track_key", "source", "feature", "value", "low", "high"],
    )
    found = {feature.name: feature for feature in features_of(rows)["a · b"]}
    assert found["energy"] == Feature("energy", 0.9, None, predicted=False)
    assert found["valence"].predicted
    assert found["valence"].margin == pytest.approx(0.15)


def test_seeds_are_recorded_strongest_first() -> None:
    votes = pd.DataFrame(
        [("a · b", "tag", "jazz", 0.1), ("a · b", "similar_artist", "ride", 0.7)],
        columns=["track_key", "route", "seed_key", "strength"],
    )
    assert seeds_of(votes, pd.Index(["a · b", "c · d"])) == [["ride", "jazz"], []]
