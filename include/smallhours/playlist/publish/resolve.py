"""The stage `resolve_tracks`: it finds the Spotify id of each chosen track.

Known ids cost nothing; the others cost one search, or two when the first finds nothing. Every
answer is stored in `tracks`, misses too, so that nothing is searched for in vain twice within a
month. Where a track can't be found, the best of the reserve takes its place. How an id is found is
up to `catalog.spotify_ids`.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from smallhours.catalog.overrides import read_overrides
from smallhours.catalog.spotify_ids import MISS, MISS_STANDS_DAYS, Search, SpotifyIds
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.parquet import with_partition
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import LIBRARY, PLAYS, TRACKS
from smallhours.nights import Night
from smallhours.playlist.select.draft import (
    RESERVE,
    defer_explored,
    separate_artists,
)
from smallhours.playlist_settings import PlaylistSettings
from smallhours.services.set_aside import DeferredQuestions
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Slot

# Answers that are stored at once; each took one search or a few, which a kill repeats.
UNSTORED_ANSWERS = 4
NOT_FOUND = "not found on Spotify"
DUPLICATE_ID = "the same Spotify track as another pick"
KNOWN_UNDER_OTHER_NAME = "known under another name"
EXPLICIT = "explicit"
OVERRIDDEN_NEVER = "never, says your file of overrides"


def resolve_tracks(
    listener: str, lake: Lake, spotify: Search, *, settings: Settings, night: Night
) -> Summary:
    """Find the night's tracks on Spotify until the lists are full, and store the final lists.

    The playlists take turns, the main one first; what one has taken the next ones don't.

    Raises:
        NotEnoughData: no list was chosen for this night.
        SettingsError: the file of overrides can't be understood.
        ServiceError: Spotify could not go on; what was found before is kept, and running this
            again goes on from there.
    """
    where = {"listener": listener, "night": night.date.isoformat()}
    columns = [column.name for column in RECOMMENDATIONS.columns]
    rows = lake.frame(RECOMMENDATIONS, columns=columns, where=where)
    if rows.empty:
        raise NotEnoughData(
            f"No tracks were chosen for the night of {night.date}.",
            remedy="Run rank_candidates for this night first.",
        )
    named = rows[rows["position"].notna() | (rows["why_not"] == RESERVE)]
    deferred = DeferredQuestions(lake, listener, spotify.service, night.date)
    overrides = read_overrides(settings.catalog.overrides_file)
    ids = SpotifyIds(spotify, night.date, overrides, deferred.tally())
    resolver = _IdResolver(
        _read_tracks(lake, named["track_key"].tolist()),
        _heard_ids(lake, listener),
        ids,
        lambda answers: _keep(lake, answers),
    )
    settled: list[pd.DataFrame] = []
    try:
        for intent, playlist_settings in settings.listener(listener).playlists.items():
            chosen = rows[rows["intent"] == intent].set_index("track_key")
            settled.append(_settle(chosen, resolver, playlist_settings))
        ids.tally.check()
    finally:
        resolver.keep_answers()
    deferred.save(ids.tally)
    found = pd.concat(settled)
    lake.merge(RECOMMENDATIONS, found, partition=where)
    listed = found.loc[found["position"].notna(), "track_key"]
    return {
        "wanted": int(rows["position"].notna().sum()),
        "resolved": len(listed),
        "known_before": len(listed) - sum(key in resolver.answers for key in listed),
        "searches": ids.searches,
        "not_found": int((found["why_not"] == NOT_FOUND).sum()),
        **ids.tally.summary,
    }


def recently_missed(tracks: pd.DataFrame, night: dt.date) -> pd.Series:
    """Return for which tracks a recent search found nothing, so that none is made again.

    Args:
        tracks: `spotify_method` and `spotify_at`.
        night: Tonight; what is missed tonight does not count yet, so that a second run of the
            night chooses from the same tracks as the first.
    """
    missed = tracks["spotify_method"] == MISS
    since = night - dt.timedelta(days=MISS_STANDS_DAYS)
    at = tracks["spotify_at"]
    return missed & (at >= since).fillna(False) & (at < night).fillna(False)


@dataclass
class _IdResolver:
    """A pass over the chosen tracks that looks up their ids.

    Attributes:
        tracks: Rows of `tracks` by key, all columns.
        heard_ids: Spotify ids that the listener has played or saved.
        ids: Who knows Spotify ids, or asks for them.
        store: Stores rows of `tracks`.
        answers: Rows of `tracks` with tonight's answers, by key.
        taken: Spotify ids that one of the lists holds.
        refused: Why tracks were passed over in the present list, by key.
    """

    tracks: dict[str, dict[str, Any]]
    heard_ids: frozenset[str]
    ids: SpotifyIds
    store: Callable[[list[dict[str, Any]]], None]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    _unstored: list[dict[str, Any]] = field(default_factory=list)

    def keep_answers(self) -> None:
        """Store the answers that are not stored yet."""
        if self._unstored:
            self.store(self._unstored)
            self._unstored = []

    def settle(
        self, listed: Sequence[str], spare: Sequence[str], playlist_settings: PlaylistSettings
    ) -> list[str]:
        """Return the tracks of a list, in order; gaps are filled from its reserve."""
        self.refused = {}
        standins = iter(spare)
        return [
            found
            for place in listed
            if (found := self._first_that_resolves(place, standins, playlist_settings))
        ]

    def _first_that_resolves(
        self, key: str, standins: Iterator[str], playlist_settings: PlaylistSettings
    ) -> str | None:
        candidates = itertools.chain([key], standins)
        return next((k for k in candidates if self._resolves(k, playlist_settings)), None)

    def _resolves(self, key: str, playlist_settings: PlaylistSettings) -> bool:
        if key in self.ids.overrides.never:
            self.refused[key] = OVERRIDDEN_NEVER
            return False
        found = self._look_up(key)
        spotify_id = found["spotify_id"]
        if spotify_id is None:
            self.refused[key] = NOT_FOUND
        elif spotify_id in self.taken:
            self.refused[key] = DUPLICATE_ID
        elif spotify_id in self.heard_ids and playlist_settings.not_played_days is None:
            self.refused[key] = KNOWN_UNDER_OTHER_NAME
        elif found.get("explicit") and not playlist_settings.explicit:
            self.refused[key] = EXPLICIT
        else:
            self.taken.add(str(spotify_id))
            return True
        return False

    def _look_up(self, key: str) -> dict[str, Any]:
        """Return a track's row with its Spotify id, or without one if it has none."""
        track = self.answers.get(key) or self.tracks[key]
        answer = self.ids.look_up(track)
        if answer != track:
            self.answers[key] = answer
            self._unstored.append(answer)
            if len(self._unstored) >= UNSTORED_ANSWERS:
                self.keep_answers()
        return answer


def _settle(
    chosen: pd.DataFrame, resolver: _IdResolver, playlist_settings: PlaylistSettings
) -> pd.DataFrame:
    """Return the rows of one playlist with its final list."""
    listed = chosen[chosen["position"].notna()].sort_values("position").index.tolist()
    spare = chosen[chosen["why_not"] == RESERVE].sort_values("rank").index.tolist()
    explored = set(chosen.index[chosen["slot"] == Slot.EXPLORE])
    settled = defer_explored(
        separate_artists(resolver.settle(listed, spare, playlist_settings)), explored
    )
    return _settled(chosen, settled, resolver.refused)


def _settled(chosen: pd.DataFrame, settled: Sequence[str], refused: dict[str, str]) -> pd.DataFrame:
    """Return the rows of the night with the final list."""
    places = {key: place for place, key in enumerate(settled, start=1)}
    rows = chosen.assign(
        position=pd.array([places.get(key) for key in chosen.index], dtype="Int32"),
        why_not=[
            "" if key in places else refused.get(key, why)
            for key, why in zip(chosen.index, chosen["why_not"], strict=True)
        ],
        slot=[
            (slot or Slot.EXPLOIT) if key in places else ""
            for key, slot in zip(chosen.index, chosen["slot"], strict=True)
        ],
    )
    return rows.rename_axis("track_key").reset_index()


def _read_tracks(lake: Lake, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    prefixes = sorted({prefix_of(artist_key_in(key)) for key in keys})
    rows = lake.read(TRACKS, where={"prefix": prefixes}).to_pylist()
    wanted = set(keys)
    return {row["track_key"]: row for row in rows if row["track_key"] in wanted}


def _heard_ids(lake: Lake, listener: str) -> frozenset[str]:
    own = {"listener": listener}
    plays = lake.read(PLAYS, columns=["spotify_id"], where=own)["spotify_id"].unique()
    library = lake.read(LIBRARY, columns=["spotify_id"], where=own)["spotify_id"].unique()
    return frozenset(plays.to_pylist() + library.to_pylist()) - {None}


def _keep(lake: Lake, answers: list[dict[str, Any]]) -> None:
    lake.merge(TRACKS, pa.Table.from_pylist(answers, schema=with_partition(TRACKS)))
