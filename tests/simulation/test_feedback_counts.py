"""Tests that removed picks count: two equal simulations, in one of which picks are removed."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from smallhours.identity import artist_key_in
from smallhours.lake.tables import ARTIST_TAGS, FEEDBACK, PLAYLISTS, RECOMMENDATIONS
from smallhours.simulation.nights import Living, begun
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry
from smallhours.training.taste.model import NAME
from tests.simulation.small_lives import ADA, LIFE

REMOVED = 4
NIGHTS_AFTER = 2


@dataclass
class Lives:
    """The results of two simulations that differ only in the removed picks.

    Attributes:
        removing: Ranking of the listener who removed picks.
        content: Ranking of the one who did not.
        removed: Keys of the removed picks.
        later: Keys of all picks in the nights after.
        card: Card of the model that was trained in the night after.
        before: Card of the model before it.
    """

    removing: pd.DataFrame
    content: pd.DataFrame
    removed: frozenset[str]
    later: frozenset[str]
    feedback: pd.DataFrame
    artist_tags: pd.DataFrame
    before: ModelCard
    card: ModelCard


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    folder = tmp_path_factory.mktemp("lives")
    with begun(LIFE, folder / "removing") as one, begun(LIFE, folder / "content") as other:
        for living in (one, other):
            living.night()
            living.day()
        before = trained(one)
        removed = take_out(one)
        for living in (one, other):
            living.night()
        removing, card = ranked(one), trained(one)
        later = picks(removing)
        for _ in range(NIGHTS_AFTER - 1):
            one.day()
            one.night()
            later |= picks(ranked(one))
        yield Lives(
            removing,
            ranked(other),
            removed,
            later,
            one.lake.frame(FEEDBACK),
            one.lake.frame(ARTIST_TAGS),
            before,
            card,
        )


def trained(living: Living) -> ModelCard:
    """Return the card of the newest taste model, in use or not."""
    registry = Registry.of(living.lake)
    return registry.open(ADA, NAME, registry.versions(ADA, NAME)[-1]).card


def ranked(living: Living) -> pd.DataFrame:
    """Return everything that was ranked for the newest list, by track key."""
    rows = living.lake.frame(RECOMMENDATIONS, where={"listener": ADA})
    newest: pd.DataFrame = rows[rows["night"] == rows["night"].max()].set_index("track_key")
    return newest


def picks(rows: pd.DataFrame) -> frozenset[str]:
    """Return the tracks of the list itself."""
    return frozenset(rows.index[rows["position"].notna()])


def take_out(living: Living) -> frozenset[str]:
    """Remove some picks as the listener would: those whose artists have most candidates left."""
    (playlist,) = (each for each in living.state.playlists.values() if each.by_app)
    ledger = living.lake.frame(PLAYLISTS).sort_values("night").iloc[-1]
    keys = dict(zip(ledger["uris"], ledger["track_keys"], strict=True))
    left = ranked(living).index.map(artist_key_in).value_counts()
    most = sorted(
        (item.uri for item in playlist.items if item.uri in keys),
        key=lambda uri: (-int(left.get(artist_key_in(keys[uri]), 0)), uri),
    )[:REMOVED]
    playlist.items = [item for item in playlist.items if item.uri not in most]
    playlist.touch()
    return frozenset(keys[uri] for uri in most)


def mean_rank(rows: pd.DataFrame, tracks: list[str]) -> float:
    return float(rows.loc[tracks, "rank"].mean())


def test_what_was_taken_out_is_noted_as_removed(lives: Lives) -> None:
    feedback = lives.feedback
    noted = feedback.loc[feedback["reaction"] == "removed", "track_key"]

    assert lives.removed <= set(noted)


def test_the_next_training_counts_it_as_evidence_against(lives: Lives) -> None:
    assert "rows_removed" not in lives.before.data
    assert int(lives.card.data["rows_removed"]) >= REMOVED


def test_a_removed_pick_is_not_seen_again(lives: Lives) -> None:
    assert not lives.removed & lives.later
    assert set(lives.removing["why_not"].reindex(list(lives.removed)).dropna()) <= {"disliked"}


def test_tracks_by_the_same_artists_sink(lives: Lives) -> None:
    artists = {artist_key_in(key) for key in lives.removed}
    both = lives.removing.index.intersection(lives.content.index).difference(list(lives.removed))
    alike = [key for key in both if artist_key_in(key) in artists]

    assert len(alike) >= REMOVED
    assert mean_rank(lives.removing, alike) > mean_rank(lives.content, alike)
    assert lives.removing.loc[alike, "p_like"].mean() < lives.content.loc[alike, "p_like"].mean()


def test_tracks_that_sound_alike_sink_by_other_artists_too(lives: Lives) -> None:
    artists = {artist_key_in(key) for key in lives.removed}
    strong = lives.artist_tags[lives.artist_tags["count"] >= 60]
    tags = set(strong.loc[strong["artist_key"].isin(artists), "tag"])
    alike_artists = set(strong.loc[strong["tag"].isin(tags), "artist_key"]) - artists
    both = lives.removing.index.intersection(lives.content.index)
    alike = [key for key in both if artist_key_in(key) in alike_artists]
    unlike = [key for key in both if artist_key_in(key) not in alike_artists | artists]

    def fell(tracks: list[str]) -> float:
        change = lives.removing.loc[tracks, "p_like"] - lives.content.loc[tracks, "p_like"]
        return -float(change.mean())

    assert fell(alike) > fell(unlike)
