"""Tests of the reasons as the listener reads them."""

import dataclasses
import itertools
import re
from collections.abc import Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.playlist.explain.reasons import Reason, ReasonWriter
from smallhours.playlist.explain.track_evidence import (
    FeatureValue,
    IntentEvidence,
    TrackEvidence,
    measure,
    relative_contributions,
    strongest_seeds,
    track_features,
)
from smallhours.playlist.rank.evidence import ListenerHistory

HISTORY = ListenerHistory(
    tracks=pd.DataFrame(
        {
            "artist": ["Slowdive", "Ride", "Sigur Rós", "Lush", "Slowdive", "Pale Saints"],
            "title": [
                "Alison",
                "Vapour Trail",
                "Sæglópur",
                "Ladykillers",
                "Dagger",
                "Sight of You",
            ],
            "plays": [41, 1, 0, 0, 7, 0],
            "saved": [False, True, True, False, False, False],
            "named": [False, False, False, False, False, True],
        },
        index=[
            "slowdive · alison",
            "ride · vapour trail",
            "sigur ros · saeglopur",
            "lush · ladykillers",
            "slowdive · dagger",
            "pale saints · sight of you",
        ],
    ),
    artists=pd.DataFrame(
        {
            "artist": ["Slowdive", "Ride", "Pale Saints"],
            "plays": [1312, 1, 0],
            "tracks": [14, 1, 0],
            "named": [False, False, True],
        },
        index=["slowdive", "ride", "pale saints"],
    ),
    disliked=frozenset(),
)
PROFILE = pd.Series({"shoegaze": 0.5, "dream pop": 0.3, "jazz": 0.1})
CALM = FeatureValue("energy", 0.31, 0.12, predicted=True)
ALISON = ("similar_track", "slowdive · alison")
TRAIL = ("similar_track", "ride · vapour trail")


def track_evidence(
    *seeds: tuple[str, str],
    key: str = "low · lullaby",
    tags: Sequence[str] = (),
    features: Sequence[FeatureValue] = (),
    slot: str = "exploit",
    hours: str = "",
    intent_evidence: IntentEvidence | None = None,
    counts: dict[str, float] | None = None,
) -> TrackEvidence:
    return TrackEvidence(
        key, "Low", seeds, tags, features, slot, 12, 5312, counts or {}, hours, intent_evidence
    )


def reason(track_evidence: TrackEvidence, history: ListenerHistory, profile: pd.Series) -> str:
    return ReasonWriter(history, profile, length=1).write(track_evidence).text


def said(*seeds: tuple[str, str], **known: object) -> str:
    return reason(track_evidence(*seeds, **known), HISTORY, PROFILE)  # type: ignore[arg-type]


def told(*tracks: TrackEvidence) -> list[Reason]:
    writer = ReasonWriter(HISTORY, PROFILE, length=len(tracks))
    return [writer.write(track) for track in tracks]


def test_it_names_the_seeds_the_tags_the_sound_and_the_hours() -> None:
    text = said(
        ALISON,
        TRAIL,
        tags=["dream pop", "shoegaze", "indie"],
        features=[CALM],
        hours="Sunday mornings",
    )
    assert text == (
        "Close to Slowdive – Alison (41 plays) and Ride – Vapour Trail (1 play); "
        "dream pop and shoegaze; calm (predicted energy .31 ± .12), "
        "close to your Sunday mornings."
    )


def test_names_are_the_ones_that_people_write() -> None:
    assert (
        said(("similar_track", "sigur ros · saeglopur")) == "Close to Sigur Rós – Sæglópur (saved)."
    )


def test_what_is_known_by_a_name_alone_is_said_to_be_named() -> None:
    named = ("similar_track", "pale saints · sight of you")
    near = "Close to Pale Saints – Sight of You (you named Pale Saints)."
    assert said(named) == near
    assert said(("similar_artist", "pale saints")) == (
        "By an artist near Pale Saints (you named them)."
    )
    theirs = said(("known_artist", "pale saints"), key="pale saints · half-life")
    assert theirs == "By Pale Saints, whom you named."


def test_a_seed_that_was_neither_played_nor_saved_claims_nothing() -> None:
    assert said(("similar_track", "lush · ladykillers")) == "Close to Lush – Ladykillers."


def test_only_who_is_played_is_a_because() -> None:
    lush = ("similar_track", "lush · ladykillers")
    for each in told(*[track_evidence(lush)] * 4):
        assert "because" not in each.text.lower()
    assert any("because" in each.text.lower() for each in told(*[track_evidence(ALISON)] * 4))


def test_two_seeds_are_two_artists_where_there_are_two() -> None:
    text = said(ALISON, ("similar_track", "slowdive · dagger"), TRAIL)
    assert text == "Close to Slowdive – Alison (41 plays) and Ride – Vapour Trail (1 play)."


def test_a_known_artists_track_says_how_much_of_them_is_known() -> None:
    text = said(("known_artist", "slowdive"), key="slowdive · machine gun")
    assert text == "More by Slowdive, of whom you know 14 tracks."
    assert "know one track" in said(("known_artist", "ride"), key="ride · seagull")


def test_an_artist_nearby_is_named_with_its_plays() -> None:
    assert said(("similar_artist", "slowdive")) == "By an artist near Slowdive (1,312 plays)."


def test_a_track_that_came_by_a_tag_says_where_that_tag_stands() -> None:
    text = said(("tag", "shoegaze"), tags=["shoegaze", "indie"])
    assert text == "One of the best-known tracks tagged shoegaze, your strongest tag; indie."
    assert said(("tag", "polka")) == "One of the best-known tracks tagged polka."


def test_an_explorer_says_that_it_is_one() -> None:
    text = said(("similar_artist", "ride"), slot="explore")
    assert text == "Something to try, drawn by lot: by an artist near Ride (1 play)."
    assert said(tags=["jazz"], slot="explore") == "Something to try, drawn by lot: jazz."
    assert said(slot="explore") == "Something to try, drawn by lot."
    openings = [each.text for each in told(*[track_evidence(slot="explore")] * 3)]
    assert openings[1:] == ["Also drawn by lot, to try.", "Something to try, drawn by lot."]


def test_without_any_seed_it_says_what_it_rests_on() -> None:
    assert said(tags=["jazz"]) == "Among the best 20 of 5,312 tracks by its tags; jazz."
    (alone,) = told(track_evidence())
    assert (alone.text, alone.kind) == ("Among the best 20 of 5,312 tracks.", "rank")


def test_a_seed_that_the_listener_no_longer_has_is_not_named() -> None:
    assert "gone" not in said(("similar_track", "gone · away"), ("similar_artist", "ride"))


def test_what_counted_most_for_this_track_leads() -> None:
    seeds = (ALISON, ("similar_artist", "slowdive"))
    by_track, by_artist = (
        reason(track_evidence(*seeds, counts=counts), HISTORY, PROFILE)
        for counts in ({"similar_track": 0.3}, {"similar_artist": 0.3})
    )
    assert by_track.startswith("Close to Slowdive")
    assert by_artist.startswith("By an artist near Slowdive")


def test_what_a_list_is_for_is_said_and_its_names_only_once() -> None:
    intent_evidence = IntentEvidence("tags", "tagged shoegaze", ("shoegaze",))
    (only,) = told(
        track_evidence(ALISON, tags=["shoegaze", "jazz"], intent_evidence=intent_evidence)
    )
    assert only.kind == "tags"
    assert only.text == "Tagged shoegaze; close to Slowdive – Alison (41 plays); jazz."


def test_it_is_not_said_twice_that_something_is_played() -> None:
    intent_evidence = IntentEvidence("hours", "you play Lush – Ladykillers on Sundays", ("lush",))
    for each in told(*[track_evidence(ALISON, TRAIL, intent_evidence=intent_evidence)] * 5):
        assert "because you play" not in each.text.lower()


def test_who_was_hardly_played_is_named_only_where_nothing_else_is_known() -> None:
    history = dataclasses.replace(HISTORY, tracks=HISTORY.tracks.assign(saved=False))
    known = track_evidence(TRAIL, ("similar_artist", "slowdive"))
    assert reason(known, history, PROFILE) == "By an artist near Slowdive (1,312 plays)."
    alone = reason(track_evidence(TRAIL), history, PROFILE)
    assert alone == "Close to Ride – Vapour Trail (1 play)."


def test_a_pick_is_not_close_to_its_own_artist() -> None:
    assert said(ALISON, key="slowdive · machine gun", slot="explore") == (
        "Something to try, drawn by lot: more by Slowdive, of whom you know 14 tracks."
    )


def test_a_place_or_a_time_alone_is_no_reason() -> None:
    assert said(ALISON, tags=["canadian"]) == "Close to Slowdive – Alison (41 plays)."
    assert said(ALISON, tags=["canadian", "80s"]) == "Close to Slowdive – Alison (41 plays)."
    assert said(ALISON, tags=["jazz", "canadian"]).endswith("; jazz and canadian.")


def test_no_clause_stands_in_two_sentences_in_a_row() -> None:
    texts = [each.text for each in told(*[track_evidence(ALISON, tags=["jazz", "folk"])] * 5)]
    for one, two in itertools.pairwise(texts):
        assert not set(one.lower()[:-1].split("; ")) & set(two.lower()[:-1].split("; "))


def test_neighbours_do_not_read_alike() -> None:
    alike = track_evidence(
        ALISON,
        TRAIL,
        ("similar_track", "slowdive · dagger"),
        ("similar_artist", "slowdive"),
        ("similar_artist", "ride"),
        tags=["dream pop", "shoegaze", "indie", "jazz"],
    )
    texts = [each.text for each in told(*[alike] * 6)]
    for one, two in itertools.pairwise(texts):
        assert one.split(";")[0] != two.split(";")[0]
        assert one.split("; ")[-1] != two.split("; ")[-1]


def test_a_word_that_fits_a_whole_list_is_not_said_of_all_of_it() -> None:
    texts = [each.text for each in told(*[track_evidence(ALISON, features=[CALM])] * 20)]
    assert sum("calm" in text for text in texts) <= 3
    times = told(*[track_evidence(ALISON, hours="Sunday mornings")] * 20)
    assert sum("Sunday mornings" in each.text for each in times) <= 3


@pytest.mark.parametrize(
    "middling",
    [
        FeatureValue("energy", 0.55, None, predicted=False),
        FeatureValue("valence", 0.29, 0.25, predicted=True),  # its interval reaches the bright half
        FeatureValue("tempo", 120.0, None, predicted=False),
    ],
)
def test_what_does_not_stand_out_for_sure_is_not_worth_a_word(middling: FeatureValue) -> None:
    assert said(("similar_artist", "ride"), features=[middling]) == (
        "By an artist near Ride (1 play)."
    )


def test_the_feature_that_stands_out_most_is_told_as_measured_or_predicted() -> None:
    features = [CALM, FeatureValue("acousticness", 0.97, None, predicted=False)]
    assert "acoustic (measured acousticness .97)" in said(features=features)


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.00"), (0.997, "1.00"), (0.8, ".80")])
def test_figures_are_short(value: float, text: str) -> None:
    assert f"energy {text})" in said(
        features=[FeatureValue("energy", value, None, predicted=False)]
    )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("valence", 0.0, "dark (predicted valence near 0)"),
        ("valence", 0.02, "dark (predicted valence near 0)"),
        ("valence", 0.03, "dark (predicted valence .03 ± .08)"),
        ("acousticness", 0.99, "acoustic (predicted acousticness near 1)"),
        ("acousticness", 1.0, "acoustic (predicted acousticness near 1)"),
        ("energy", -0.01, "calm (predicted energy near 0)"),
    ],
)
def test_a_prediction_at_a_bound_claims_no_more_than_to_be_near_it(
    name: str, value: float, text: str
) -> None:
    assert text in said(features=[FeatureValue(name, value, 0.08, predicted=True)])


def test_a_tempo_has_no_bounds() -> None:
    assert measure(FeatureValue("tempo", 0.99, 4.0, predicted=True)) == (
        "predicted tempo 1 beats a minute"
    )


NAMES = st.integers(0, 30).map("Name{}".format)
SEEDS = st.lists(
    st.tuples(st.sampled_from(["similar_track", "similar_artist", "known_artist", "tag"]), NAMES),
    max_size=8,
)


@settings(max_examples=80)
@given(
    known=st.dictionaries(NAMES, st.integers(0, 2_000), max_size=10),
    tracks=st.lists(st.tuples(NAMES, SEEDS, st.lists(NAMES, max_size=5)), max_size=8),
    slot=st.sampled_from(["exploit", "explore"]),
)
def test_every_name_and_count_in_a_reason_is_in_the_evidence(
    known: dict[str, int],
    tracks: list[tuple[str, list[tuple[str, str]], list[str]]],
    slot: str,
) -> None:
    plays = list(known.values())
    history = ListenerHistory(
        tracks=pd.DataFrame(
            {
                "artist": list(known),
                "title": [f"Song of {name}" for name in known],
                "plays": plays,
                "saved": False,
                "named": False,
            },
            index=[f"{name.lower()} · song" for name in known],
        ),
        artists=pd.DataFrame(
            {"artist": list(known), "plays": plays, "tracks": 1, "named": False},
            index=[name.lower() for name in known],
        ),
        disliked=frozenset(),
    )
    writer = ReasonWriter(history, pd.Series(dtype=float), length=len(tracks))
    for artist, seeds, tags in tracks:
        keyed = [
            (route, f"{name.lower()} · song" if route == "similar_track" else name.lower())
            for route, name in seeds
        ]
        mine = TrackEvidence(f"{artist.lower()} · new", artist, keyed, tags, (), slot, 7, 99)
        text = writer.write(mine).text
        evident = {artist.lower(), *(name.lower() for _, name in seeds), *map(str.lower, tags)}
        assert {name.lower() for name in re.findall(r"name\d+", text, re.IGNORECASE)} <= evident
        for name, count in re.findall(r"(Name\d+) \(([\d,]+) plays?\)", text):
            assert known[name] == int(count.replace(",", ""))


def test_contributions_say_what_is_special_to_a_track() -> None:
    chosen = pd.DataFrame(
        {"by_near_tracks": [0.5, 0.3], "by_p_like": [0.2, 0.2]}, index=["a · b", "c · d"]
    )
    counts = relative_contributions(chosen)
    assert counts["a · b"] == pytest.approx({"similar_track": 0.1, "two_steps": 0.1, "tags": 0.0})
    assert relative_contributions(chosen[[]]) == {"a · b": {}, "c · d": {}}


def test_what_was_measured_goes_before_what_was_predicted() -> None:
    rows = pd.DataFrame(
        [
            ("a · b", "predicted", "energy", 0.2, 0.1, 0.4),
            ("a · b", "reccobeats", "energy", 0.9, None, None),
            ("a · b", "predicted", "valence", 0.5, 0.4, 0.7),
        ],
        columns=["track_key", "source", "feature", "value", "low", "high"],
    )
    found = {feature.name: feature for feature in track_features(rows)["a · b"]}
    assert found["energy"] == FeatureValue("energy", 0.9, None, predicted=False)
    assert found["valence"].predicted
    assert found["valence"].margin == pytest.approx(0.15)


def test_seeds_are_recorded_strongest_first() -> None:
    votes = pd.DataFrame(
        [("a · b", "tag", "jazz", 0.1), ("a · b", "similar_artist", "ride", 0.7)],
        columns=["track_key", "route", "seed_key", "strength"],
    )
    assert strongest_seeds(votes, pd.Index(["a · b", "c · d"])) == [["ride", "jazz"], []]
