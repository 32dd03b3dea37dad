import datetime as dt

import pandas as pd
import pytest

from smallhours.training.ranking.artist_graph import LIST_COLUMNS, ArtistGraph, no_lists
from smallhours.training.ranking.signals import (
    MIN_PICKS,
    empty_picks,
    graded_picks,
    reception,
)
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import Tags

MONDAY = dt.date(2026, 11, 2)
NEW = ("new · calm", "new · loud", "new · untagged")


def feedback(*rows: tuple[str, str], night: dt.date = MONDAY, intent: str = "main") -> pd.DataFrame:
    return pd.DataFrame(
        [(night, intent, key, reaction) for key, reaction in rows],
        columns=["night", "intent", "track_key", "reaction"],
    )


def received(vectors: TagVectors, picks: pd.DataFrame) -> pd.Series:
    """Return the reception of the new tracks, where there are no lists of similar artists."""
    graph = ArtistGraph.of(no_lists(), Tags({}, {}), [*vectors.tracks, *NEW])
    return reception(vectors, graph, picks, pd.Index(NEW))


def picks_of_calm_and_loud(count: int) -> tuple[pd.DataFrame, TagVectors]:
    """Return this many picks, half of them calm and welcome, half of them loud and not."""
    kinds = {f"artist {at} · song": ("calm", "loud")[at % 2] for at in range(count)}
    told = [(key, "played" if kind == "calm" else "skipped") for key, kind in kinds.items()]
    tags = {key: {kind: 100, "rock": 50} for key, kind in kinds.items()}
    tags |= {"new · calm": {"calm": 100}, "new · loud": {"loud": 100}}
    vectors = TagVectors.of(Tags(tags, {}), [*kinds, *NEW])
    return graded_picks(feedback(*told)), vectors


@pytest.mark.parametrize(
    ("reactions", "expected"),
    [
        (("played",), (True, 1.0)),
        (("played", "saved", "kept"), (True, 1.5)),
        (("skipped",), (False, 0.0)),
        (("passed", "kept"), (False, 0.0)),
        (("played", "skipped"), (True, 1.0)),
        (("played", "removed"), (False, -0.5)),
    ],
)
def test_a_pick_is_graded_by_what_became_of_it(
    reactions: tuple[str, ...], expected: tuple[bool, float]
) -> None:
    (found,) = graded_picks(feedback(*(("a", each) for each in reactions))).to_dict("records")

    assert (found["welcome"], found["grade"]) == expected


@pytest.mark.parametrize("reaction", ["unplayed", "kept"])
def test_a_pick_that_was_never_come_to_says_nothing(reaction: str) -> None:
    assert graded_picks(feedback(("a", reaction))).empty


def test_picks_of_other_playlists_were_chosen_for_other_reasons() -> None:
    assert graded_picks(feedback(("a", "skipped"), intent="sundays")).empty


def test_a_track_like_the_welcome_picks_is_expected_to_be_welcome() -> None:
    picks, vectors = picks_of_calm_and_loud(60)

    found = received(vectors, picks)

    assert found["new · calm"] > 0.1
    assert found["new · loud"] < -0.05
    assert found["new · calm"] > found["new · untagged"] > found["new · loud"]


def test_without_a_tag_the_artists_tell_which_tracks_are_welcome() -> None:
    # The calm artists name one that was never picked, and the loud ones another.
    picks, _ = picks_of_calm_and_loud(60)
    rows = [(f"artist {at}", ("calm one", "loud one")[at % 2], 0.5, 1) for at in range(60)]
    lists = pd.DataFrame(rows, columns=LIST_COLUMNS)
    new = pd.Index(["calm one · song", "loud one · song", "unheard · song"])
    graph = ArtistGraph.of(lists, Tags({}, {}), [*picks["track_key"], *new])

    found = reception(TagVectors.of(Tags({}, {}), new), graph, picks, new)

    assert found["calm one · song"] > found["unheard · song"] + 0.01
    assert found["loud one · song"] < found["unheard · song"] - 0.01


def test_what_was_hardly_tried_gets_the_benefit_of_the_doubt() -> None:
    # Every kind that was tried is welcome half of the time.
    kinds = {f"artist {at} · song": ("calm", "loud")[at % 2] for at in range(200)}
    told = [(key, ("played", "skipped")[at // 2 % 2]) for at, key in enumerate(kinds)]
    tags = {key: {kind: 100} for key, kind in kinds.items()}
    new = {"new · calm": {"calm": 100}, "new · loud": {"loud": 100}, "new · untagged": {"odd": 100}}
    vectors = TagVectors.of(Tags(tags | new, {}), [*kinds, *NEW])

    found = received(vectors, graded_picks(feedback(*told)))

    assert found["new · untagged"] > max(found["new · calm"], found["new · loud"]) + 0.005


def test_more_picks_say_it_louder() -> None:
    few, many = (
        received(vectors, picks)["new · calm"]
        for picks, vectors in (picks_of_calm_and_loud(40), picks_of_calm_and_loud(400))
    )

    assert 0 < few < many


def test_a_handful_of_picks_says_nothing() -> None:
    picks, vectors = picks_of_calm_and_loud(MIN_PICKS - 1)

    assert received(vectors, picks).isna().all()
    assert received(vectors, empty_picks()).isna().all()


def test_where_all_was_welcome_nothing_is_told_apart() -> None:
    picks, vectors = picks_of_calm_and_loud(80)

    assert received(vectors, picks[picks["welcome"]]).isna().all()
