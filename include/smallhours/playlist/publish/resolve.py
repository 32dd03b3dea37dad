"""The stage `resolve_tracks`: it finds the Spotify id of each chosen track.

Known ids cost nothing; the others cost one search, or two when the first finds nothing. Every
answer is stored in `tracks`, misses too, so that nothing is searched for in vain twice within a
month. Where a track can't be found, the best of the reserve takes its place. How an id is found is
up to `catalog.spotify_ids`.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from smallhours.catalog.overrides import read_overrides
from smallhours.catalog.recordings import told_spotify_ids
from smallhours.catalog.spotify_ids import MISS, Search, SpotifyIds, was_searched_lately
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.parquet import with_partition
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import LIBRARY, PLAYS, TRACKS
from smallhours.listening.edits import read_edits, wrong_songs
from smallhours.nights import Night
from smallhours.playlist.select.exclusion import NOT_FOUND
from smallhours.playlist.select.nightly_list import RESERVE
from smallhours.playlist.select.ordering import defer_explored, separate_artists
from smallhours.playlist_settings import PlaylistSettings
from smallhours.services.set_aside import DeferredQuestions, SetAside
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import Signal, Slot

if TYPE_CHECKING:
    from smallhours.services.listenbrainz import ListenBrainzClient

# Answers that are stored at once; each took one search or a few, which a kill repeats.
UNSTORED_ANSWERS = 4
DUPLICATE_ID = "the same Spotify track as another pick"
KNOWN_UNDER_OTHER_NAME = "known under another name"
EXPLICIT = "explicit"
NOT_SEARCHED = "not looked for on Spotify tonight"
NOT_THERE_ANY_MORE = "Spotify does not have it any more"
OVERRIDDEN_NEVER = "never, says your file of overrides"
_FORGOTTEN = {"spotify_id": None, "spotify_method": None, "spotify_at": None}


def resolve_tracks(
    listener: str,
    lake: Lake,
    spotify: Search,
    listenbrainz: "ListenBrainzClient | None" = None,
    *,
    settings: Settings,
    night: Night,
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
            remedy="Trigger the DAG write_playlist for this night.",
        )
    named = rows[rows["position"].notna() | (rows["why_not"] == RESERVE)]
    deferred = DeferredQuestions(lake, listener, spotify.service, night.date)
    overrides = read_overrides(settings.catalog.overrides_file)
    wrong = wrong_songs(read_edits(lake, listener))
    ids = SpotifyIds(spotify, night.date, overrides, deferred.tally(), wrong=wrong)
    tracks = {
        key: {**row, **_FORGOTTEN} if row["spotify_id"] in wrong.get(key, ()) else row
        for key, row in _read_tracks(lake, named["track_key"].tolist()).items()
    }
    playlists = settings.listener(listener).playlists
    asked: Summary = {}
    # Spotify's search says whether a track is explicit, ListenBrainz does not.
    if listenbrainz is not None and all(each.explicit for each in playlists.values()):
        lacking = [key for key, track in tracks.items() if track["spotify_id"] is None]
        aside = SetAside(lake, listener, night)
        with aside.asking(listenbrainz) as open_to_us:
            if open_to_us:
                ids.told = told_spotify_ids(lake, listenbrainz, lacking)
        asked = {"told_by_listenbrainz": len(ids.told)}
    resolver = _IdResolver(
        _without_unplayable(tracks, lake, listener, night.date),
        _heard_ids(lake, listener),
        ids,
        lambda answers: _keep(lake, answers),
    )
    settled: list[pd.DataFrame] = []
    try:
        for intent, playlist_settings in playlists.items():
            chosen = rows[rows["intent"] == intent].set_index("track_key")
            listed = chosen[chosen["position"].notna()].sort_values("position").index.tolist()
            spare = chosen[chosen["why_not"] == RESERVE].sort_values("rank").index.tolist()
            found = resolver.settle(listed, spare, playlist_settings)
            settled.append(_settled(chosen, found, resolver.refused))
        ids.tally.check()
    finally:
        resolver.keep_answers()
    deferred.save(ids.tally)
    final = pd.concat(settled)
    lake.merge(RECOMMENDATIONS, final, partition=where)
    in_lists = final.loc[final["position"].notna(), "track_key"]
    return {
        **asked,
        "wanted": int(rows["position"].notna().sum()),
        "resolved": len(in_lists),
        "known_before": len(in_lists) - sum(key in resolver.answers for key in in_lists),
        "searches": ids.searches,
        "not_found": int((final["why_not"] == NOT_FOUND).sum()),
        **ids.tally.summary,
    }


def forget_id(lake: Lake, track_key: str, night: dt.date) -> None:
    """Forget a Spotify id that does not exist, so that the track is searched for again.

    One that tonight's search found is a miss: searching again would find it again.
    """
    (track,) = _read_tracks(lake, [track_key]).values()
    missed = track["spotify_at"] == night
    gap = {"spotify_score": None, "spotify_id": None}
    found = {"spotify_method": MISS} if missed else {"spotify_method": None, "spotify_at": None}
    _keep(lake, [{**track, **gap, **found}])


def leave_out(
    lake: Lake, listener: str, night: dt.date, intent: str, keys: Set[str], why: str
) -> None:
    """Take tracks out of a list that was chosen, and note why."""
    where = {"listener": listener, "night": night.isoformat()}
    columns = [column.name for column in RECOMMENDATIONS.columns]
    rows = lake.frame(RECOMMENDATIONS, columns=columns, where=where)
    chosen = rows[rows["intent"] == intent].set_index("track_key")
    listed = chosen[chosen["position"].notna()].sort_values("position").index
    left = [key for key in listed if key not in keys]
    rows = _settled(chosen, left, dict.fromkeys(keys, why))
    lake.merge(RECOMMENDATIONS, rows, partition=where)


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
        settled: list[str] = []
        standins = iter(spare)
        for place in listed:
            for key in itertools.chain([place], standins):
                if key in self.ids.overrides.never:
                    self.refused[key] = OVERRIDDEN_NEVER
                    continue
                track = self.answers.get(key) or self.tracks[key]
                found = self.ids.look_up(track)
                if found != track:
                    self._note_answer(key, found)
                if why := self._why_refused(found, playlist_settings):
                    self.refused[key] = why
                    continue
                self.taken.add(str(found["spotify_id"]))
                settled.append(key)
                break
        return settled

    def _why_refused(self, found: dict[str, Any], playlist_settings: PlaylistSettings) -> str:
        """Return why a track is passed over, by its row of `tracks`; empty when it is taken."""
        spotify_id = found["spotify_id"]
        if spotify_id is None:
            return NOT_FOUND if found["spotify_method"] == MISS else NOT_SEARCHED
        if spotify_id in self.taken:
            return DUPLICATE_ID
        if spotify_id in self.heard_ids and playlist_settings.not_played_days is None:
            return KNOWN_UNDER_OTHER_NAME
        if found.get("explicit") and not playlist_settings.explicit:
            return EXPLICIT
        return ""

    def _note_answer(self, key: str, answer: dict[str, Any]) -> None:
        self.answers[key] = answer
        self._unstored.append(answer)
        if len(self._unstored) >= UNSTORED_ANSWERS:
            self.keep_answers()


def _settled(chosen: pd.DataFrame, found: Sequence[str], refused: dict[str, str]) -> pd.DataFrame:
    """Return the rows of one playlist with its final list.

    Args:
        chosen: Its rows, by track key.
        found: The tracks that were found, in order.
        refused: Why the others were passed over, by key.
    """
    explored = set(chosen.index[chosen["slot"] == Slot.EXPLORE])
    settled = defer_explored(separate_artists(found), explored)
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
    rows = lake.read(TRACKS, where={"prefix": prefixes}, filters=among("track_key", keys))
    return {row["track_key"]: row for row in rows.to_pylist()}


def _without_unplayable(
    tracks: dict[str, dict[str, Any]], lake: Lake, listener: str, night: dt.date
) -> dict[str, dict[str, Any]]:
    """Return rows of `tracks` without the ids that the listener can't play any more.

    Spotify's part of the library holds such a track without an id. An id that was searched for
    lately is another release, which could be played.
    """
    saved = lake.frame(
        LIBRARY, columns=["track_key", "signal", "spotify_id"], where={"listener": listener}
    )
    playable = set(saved["spotify_id"].dropna())
    of_spotify = saved["signal"].isin([Signal.TOP, Signal.SAVED])
    doubtful = set(saved.loc[of_spotify & saved["spotify_id"].isna(), "track_key"])
    return {
        key: {**row, **_FORGOTTEN}
        if key in doubtful
        and row["spotify_id"] not in {None, *playable}
        and not was_searched_lately(row, night)
        else row
        for key, row in tracks.items()
    }


def _heard_ids(lake: Lake, listener: str) -> frozenset[str]:
    own = {"listener": listener}
    plays = lake.read(PLAYS, columns=["spotify_id"], where=own)["spotify_id"].unique()
    library = lake.read(LIBRARY, columns=["spotify_id"], where=own)["spotify_id"].unique()
    return frozenset(plays.to_pylist() + library.to_pylist()) - {None}


def _keep(lake: Lake, answers: list[dict[str, Any]]) -> None:
    lake.merge(TRACKS, pa.Table.from_pylist(answers, schema=with_partition(TRACKS)))
