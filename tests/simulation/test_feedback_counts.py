"""Tests that removed picks count: two equal simulations, in one of which picks are removed."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import ARTIST_TAGS, FEEDBACK
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry
from smallhours.training.taste.model import NAME
from smallhours_sandbox.simulation.listener import (
    ListenerSimulation,
    open_simulation,
    prepare_first_evening,
)
from tests.simulation import small_simulations
from tests.simulation.small_simulations import ADA

pytestmark = pytest.mark.slow(seconds=10)

# What the services are asked on the first evening is enough for all nights.
SPEC = replace(small_simulations.SPEC, catalog_every=10)
REMOVED = 4
NIGHTS_AFTER = 2


@dataclass
class RemovalResults:
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
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemovalResults]:
    folder = tmp_path_factory.mktemp("lives")
    prepare_first_evening(SPEC, folder / "removing")
    shutil.copytree(folder / "removing", folder / "content")
    with (
        open_simulation(SPEC, folder / "removing") as one,
        open_simulation(SPEC, folder / "content") as other,
    ):
        for simulation in (one, other):
            simulation.run_night()
            simulation.run_day()
        before = trained(one)
        removed = remove_picks(one)
        for simulation in (one, other):
            simulation.run_night()
        removing, card = ranked(one), trained(one)
        later = picks(removing)
        for _ in range(NIGHTS_AFTER - 1):
            one.run_day()
            one.run_night()
            later |= picks(ranked(one))
        yield RemovalResults(
            removing,
            ranked(other),
            removed,
            later,
            one.lake.frame(FEEDBACK),
            one.lake.frame(ARTIST_TAGS),
            before,
            card,
        )


def trained(simulation: ListenerSimulation) -> ModelCard:
    """Return the card of the newest taste model, in use or not."""
    registry = Registry.of(simulation.lake)
    return registry.open(ADA, NAME, registry.versions(ADA, NAME)[-1]).card


def ranked(simulation: ListenerSimulation) -> pd.DataFrame:
    """Return everything that was ranked for the newest list, by track key."""
    rows = simulation.lake.frame(RECOMMENDATIONS, where={"listener": ADA})
    newest: pd.DataFrame = rows[rows["night"] == rows["night"].max()].set_index("track_key")
    return newest


def picks(rows: pd.DataFrame) -> frozenset[str]:
    """Return the tracks of the list itself."""
    return frozenset(rows.index[rows["position"].notna()])


def remove_picks(simulation: ListenerSimulation) -> frozenset[str]:
    """Remove some picks as the listener would: those whose artists have most candidates left."""
    (playlist,) = (each for each in simulation.state.playlists.values() if each.by_app)
    ledger = simulation.lake.frame(PLAYLISTS).sort_values("night").iloc[-1]
    keys = dict(zip(ledger["uris"], ledger["track_keys"], strict=True))
    left = ranked(simulation).index.map(artist_key_in).value_counts()
    most = sorted(
        (item.uri for item in playlist.items if item.uri in keys),
        key=lambda uri: (-int(left.get(artist_key_in(keys[uri]), 0)), uri),
    )[:REMOVED]
    playlist.items = [item for item in playlist.items if item.uri not in most]
    playlist.touch()
    return frozenset(keys[uri] for uri in most)


def mean_rank(rows: pd.DataFrame, tracks: list[str]) -> float:
    return float(rows.loc[tracks, "rank"].mean())


def test_what_was_taken_out_is_noted_as_removed(results: RemovalResults) -> None:
    feedback = results.feedback
    noted = feedback.loc[feedback["reaction"] == "removed", "track_key"]

    assert results.removed <= set(noted)


def test_the_next_training_counts_it_as_evidence_against(results: RemovalResults) -> None:
    assert "rows_removed" not in results.before.data
    assert int(results.card.data["rows_removed"]) >= REMOVED


def test_a_removed_pick_is_not_seen_again(results: RemovalResults) -> None:
    assert not results.removed & results.later
    assert set(results.removing["why_not"].reindex(list(results.removed)).dropna()) <= {"disliked"}


def test_tracks_by_the_same_artists_sink(results: RemovalResults) -> None:
    artists = {artist_key_in(key) for key in results.removed}
    both = results.removing.index.intersection(results.content.index).difference(
        list(results.removed)
    )
    alike = [key for key in both if artist_key_in(key) in artists]

    assert len(alike) >= REMOVED
    assert mean_rank(results.removing, alike) > mean_rank(results.content, alike)
    assert (
        results.removing.loc[alike, "p_like"].mean() < results.content.loc[alike, "p_like"].mean()
    )


def test_tracks_that_sound_alike_sink_by_other_artists_too(results: RemovalResults) -> None:
    artists = {artist_key_in(key) for key in results.removed}
    strong = results.artist_tags[results.artist_tags["count"] >= 60]
    tags = set(strong.loc[strong["artist_key"].isin(artists), "tag"])
    alike_artists = set(strong.loc[strong["tag"].isin(tags), "artist_key"]) - artists
    both = results.removing.index.intersection(results.content.index)
    alike = [key for key in both if artist_key_in(key) in alike_artists]
    unlike = [key for key in both if artist_key_in(key) not in alike_artists | artists]

    def fell(tracks: list[str]) -> float:
        change = results.removing.loc[tracks, "p_like"] - results.content.loc[tracks, "p_like"]
        return -float(change.mean())

    assert fell(alike) > fell(unlike)
