"""Tracks as MusicBrainz knows them: their ids, tags, lengths, ISRCs and popularity.

ListenBrainz is asked, in the largest batches that it takes. A track gets its id with a play or from
a neighbour, by its exact names, or else by a fuzzy look-up, one by one: so many a night. A miss is
kept with its date. An id that ListenBrainz does not know may have been merged into another, and
that one takes its place.

Tags are counted by their votes: the most voted tag of a track or artist has 100.
"""

import datetime as dt
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz

from smallhours.catalog.concurrent_fetch import Fetch, fetch_all
from smallhours.catalog.features import store_features
from smallhours.catalog.spotify_ids import MIN_ARTIST_SCORE, MIN_TITLE_SCORE
from smallhours.catalog.stored_answers import NO_TAG, store_tags
from smallhours.catalog.tracks import add_tracks
from smallhours.errors import ServiceError
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, RECORDINGS, SIMILAR, TRACK_TAGS, TRACKS
from smallhours.services.batches import OnFailure
from smallhours.services.listenbrainz import MAX_MBIDS, ListenBrainzClient
from smallhours.services.listenbrainz_metadata import (
    ArtistCredit,
    Match,
    MbTag,
    Recording,
    TrackNames,
)
from smallhours.services.set_aside import Tally
from smallhours.vocabulary import CatalogSource, Provenance

TOLD, EXACT, FUZZY, MERGED, MISS = "told", "exact", "fuzzy", "merged", "miss"
# Its names were not looked up yet; or not found exactly, and a fuzzy look-up is still to be made.
NOT_ASKED, NOT_EXACT = "", "not exact"
# A recording that was not there may have been added since.
ABSENT_DAYS = 30

_ID, _METADATA, _POPULARITY = "recording id", "metadata", "popularity"
_COLUMNS = [column.name for column in RECORDINGS.columns]

Row = dict[str, Any]
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass
class RecordingFetch:
    """One night's questions about tracks to ListenBrainz, whose answers are stored as they come.

    Attributes:
        lake: The lake.
        client: Who is asked.
        night: Tonight.
        fresh_days: After how many days an answer is asked for again.
        tally: Counts the questions that fail, and knows which of them wait.
        lookups_left: Fuzzy look-ups that may still be made tonight.
    """

    lake: Lake
    client: ListenBrainzClient
    night: dt.date
    fresh_days: int
    tally: Tally
    lookups_left: int
    _names: dict[str, TrackNames] = field(default_factory=dict)

    def update(self, tracks: Sequence[str]) -> None:
        """Ask for the ids and the metadata of tracks that lack them, the first ones first."""
        rows = self._rows(tracks)
        self._find_ids(rows)
        due = [row for row in rows.values() if row["mbid"] and self._lacks_metadata(row)]
        for block in self._blocks(due, _METADATA):
            absent = self._ask_metadata(block)
            self._ask_metadata(self._repaired(absent))

    def update_popularity(self, tracks: Sequence[str]) -> None:
        """Ask how many people know each track that has an id."""
        rows = self._rows(tracks).values()
        due = [row for row in rows if row["mbid"] and self._is_due(row["listeners_at"])]
        for block in self._blocks(due, _POPULARITY):
            told, answered = self._ask(
                block, _POPULARITY, _ids_of(block), self.client.recording_popularity
            )
            for row in answered:
                row["listeners_at"] = self.night
                if row["mbid"] in told:
                    row["listeners"] = told[row["mbid"]].listeners
            self._store(answered)

    def _rows(self, tracks: Sequence[str]) -> dict[str, Row]:
        """Return what is known of each track by key, in the given order; a new row for the others.

        Tracks that are not in the catalog are left out.
        """
        where = {"prefix": sorted({prefix_of(artist_key_in(key)) for key in tracks})}
        columns = ["track_key", "artist", "title", "mbid"]
        named = self.lake.read(TRACKS, columns=columns, where=where).to_pylist()
        known = self.lake.read(RECORDINGS, columns=_COLUMNS, where=where).to_pylist()
        found = {row["track_key"]: row for row in known}
        for track in named:
            key, mbid = track["track_key"], track["mbid"]
            self._names[key] = TrackNames(track["artist"], track["title"])
            if key not in found:
                method = TOLD if mbid else NOT_ASKED
                told = {"track_key": key, "mbid": mbid, "method": method, "looked_up": self.night}
                found[key] = {**dict.fromkeys(_COLUMNS), **told}
        return {key: found[key] for key in dict.fromkeys(tracks) if key in self._names}

    def _find_ids(self, rows: Mapping[str, Row]) -> None:
        """Find the ids of the rows that have none; a miss is tried again after some days."""
        if not self.client.has_token:
            return
        new = [row for row in rows.values() if row["method"] == NOT_ASKED or self._missed(row)]
        for block in self._blocks(new, _ID):
            asked = [self._names[row["track_key"]] for row in block]
            found, answered = self._ask(block, _ID, asked, self.client.lookup)
            for row in answered:
                self._note(row, found.get(self._names[row["track_key"]]), EXACT, NOT_EXACT)
            self._store(answered)
        self._look_up(rows)

    def _look_up(self, rows: Mapping[str, Row]) -> None:
        """Look names up one by one that were not found exactly, as many as tonight allows."""
        asked = [key for key, row in rows.items() if row["method"] == NOT_EXACT]
        asked = asked[: self.lookups_left]
        self.lookups_left -= len(asked)

        def call(key: str) -> Callable[[], Match | None]:
            return partial(self.client.lookup_one, self._names[key].artist, self._names[key].title)

        def store(answers: Sequence[tuple[str, Match | None]]) -> None:
            for key, match in answers:
                same = match is not None and _is_same(self._names[key], match.artist, match.title)
                self._note(rows[key], match if same else None, FUZZY, MISS)
            self._store([rows[key] for key, _ in answers])

        describe = partial(self._question, _ID)
        fetch_all(asked, Fetch(call, store, None, artist_key_in, describe), self.tally)

    def _note(self, row: Row, match: Match | None, hit: str, miss: str) -> None:
        row["looked_up"] = self.night
        row["method"] = miss if match is None else hit
        row["mbid"] = None if match is None else match.recording_mbid

    def _missed(self, row: Row) -> bool:
        return row["method"] == MISS and self._is_due(row["looked_up"], ABSENT_DAYS)

    def _lacks_metadata(self, row: Row) -> bool:
        days = ABSENT_DAYS if row["absent"] else self.fresh_days
        return self._is_due(row["metadata_at"], days)

    def _is_due(self, asked: dt.date | None, days: int | None = None) -> bool:
        return asked is None or (self.night - asked).days > (days or self.fresh_days)

    def _ask_metadata(self, block: Sequence[Row]) -> list[Row]:
        """Ask for the metadata of rows, and store it; return the rows of ids that are not known."""
        told, answered = self._ask(block, _METADATA, _ids_of(block), self.client.recordings)
        known: dict[str, Recording] = {}
        for row in answered:
            key, recording = row["track_key"], told.get(row["mbid"])
            row["metadata_at"], row["absent"] = self.night, recording is None
            if recording is None:
                continue
            if not _is_same(self._names[key], recording.artist, recording.title):
                # The id is of another track: it is looked for by its names.
                row.update(mbid=None, method=NOT_ASKED, metadata_at=None)
                continue
            artist = _artist_of(key, recording)
            row["artist_mbid"] = artist.mbid if artist is not None else None
            known[key] = recording
        # The rows last: should we be stopped in between, they are asked about again.
        if known:
            self._store_metadata(known)
        self._store(answered)
        return [row for row in answered if row["absent"]]

    def _repaired(self, absent: Sequence[Row]) -> list[Row]:
        """Return the rows whose id was merged into another, with that one."""
        now = self.client.canonical(_ids_of(absent), lambda _mbid, _error: None)
        repaired = []
        for row in absent:
            found = now.get(row["mbid"])
            ids = () if found is None else (found.mbid, found.canonical)
            if new := next((mbid for mbid in ids if mbid and mbid != row["mbid"]), None):
                row.update(mbid=new, method=MERGED, looked_up=self.night)
                repaired.append(row)
        return repaired

    def _store_metadata(self, known: Mapping[str, Recording]) -> None:
        """Store the tags of tracks and artists, the ISRCs, and the lengths with their source."""
        of_tracks = [
            {"track_key": key, **tag}
            for key, recording in known.items()
            for tag in _counted(recording.tags or recording.release_group_tags)
        ]
        artists = {
            artist_key_in(key): artist
            for key, recording in known.items()
            if (artist := _artist_of(key, recording)) is not None
        }
        of_artists = [
            {"artist_key": key, "artist": artist.name, **tag}
            for key, artist in artists.items()
            for tag in _counted(artist.tags)
        ]
        for table, rows in ((TRACK_TAGS, of_tracks), (ARTIST_TAGS, of_artists)):
            if rows:
                frame, source = pd.DataFrame(rows), CatalogSource.MUSICBRAINZ
                store_tags(self.lake, table, frame, source=source, night=self.night)
        facts = [
            {
                "artist": self._names[key].artist,
                "title": self._names[key].title,
                "album": recording.album,
                "released": None if recording.year is None else str(recording.year),
                "duration_ms": recording.length_ms,
                "mbid": recording.mbid,
                "isrc": next(iter(recording.isrcs), None),
            }
            for key, recording in known.items()
        ]
        add_tracks(self.lake, pd.DataFrame(facts).astype(object), night=self.night)
        lengths = {
            key: {"duration_ms": float(recording.length_ms)}
            for key, recording in known.items()
            if recording.length_ms
        }
        told_by = Provenance.MUSICBRAINZ
        store_features(self.lake, list(lengths), lengths, source=told_by, night=self.night)

    def _store(self, rows: Sequence[Row]) -> None:
        if rows:
            schema = RECORDINGS.schema.append(pa.field("prefix", pa.string()))
            owned = [{**row, "prefix": prefix_of(artist_key_in(row["track_key"]))} for row in rows]
            self.lake.merge(RECORDINGS, pa.Table.from_pylist(owned, schema=schema))

    def _ask(
        self,
        block: Sequence[Row],
        what: str,
        asked: Sequence[K],
        ask: Callable[[Sequence[K], OnFailure[K]], Mapping[K, T]],
    ) -> tuple[Mapping[K, T], list[Row]]:
        """Ask about rows; return the answers, and the rows that were answered.

        Args:
            block: The rows.
            what: What is asked about them.
            asked: What stands for each row in the question.
            ask: Puts the question.
        """
        failed: set[K] = set()
        of = {each: row["track_key"] for each, row in zip(asked, block, strict=True)}

        def fail(one: K, error: ServiceError) -> ServiceError | None:
            failed.add(one)
            key = of[one]
            return self.tally.fail(error, artist_key_in(key), self._question(what, key))

        told = ask(list(of), fail)
        answered = [row for each, row in zip(asked, block, strict=True) if each not in failed]
        for row in answered:
            self.tally.answer(self._question(what, row["track_key"]))
        return told, answered

    def _blocks(self, rows: Sequence[Row], what: str) -> Iterator[Sequence[Row]]:
        """Yield the rows whose question is due, as many at a time as one call takes."""
        due = [row for row in rows if self.tally.is_due(self._question(what, row["track_key"]))]
        for start in range(0, len(due), MAX_MBIDS):
            yield due[start : start + MAX_MBIDS]

    def _question(self, what: str, key: str) -> str:
        return f"{what} of {self._names[key].artist} – {self._names[key].title}"


def _ids_of(block: Sequence[Row]) -> list[str]:
    return [row["mbid"] for row in block]


def _is_same(wanted: TrackNames, artist: str, title: str) -> bool:
    """Return whether names are those of the wanted recording, spelled alike."""
    one, other = identify(wanted.artist, wanted.title), identify(artist, title)
    if one.track_key == other.track_key:
        return True
    return (
        one.label == other.label
        and fuzz.token_sort_ratio(one.title_key, other.title_key) >= MIN_TITLE_SCORE
        # "A feat. B" may be credited to A alone, and the other way round.
        and fuzz.token_set_ratio(one.artist_key, other.artist_key) >= MIN_ARTIST_SCORE
    )


def _artist_of(key: str, recording: Recording) -> ArtistCredit | None:
    """Return the artist of a recording by whose name the track goes."""
    if len(recording.artists) == 1:
        return recording.artists[0]
    wanted = artist_key_in(key)
    alike = (each for each in recording.artists if artist_key_of(each.name) == wanted)
    return next(alike, None)


def _counted(tags: Sequence[MbTag]) -> list[Row]:
    """Return tags with counts of 1 to 100 for their votes; one row without a tag for none."""
    most = max((tag.count for tag in tags), default=0)
    counted = [{"tag": tag.name, "count": max(1, round(100 * tag.count / most))} for tag in tags]
    return counted or [{"tag": NO_TAG, "count": 0}]


def lookups_on(lake: Lake, night: dt.date) -> int:
    """Return how many fuzzy look-ups were made on a night."""
    fuzzy = pc.field("method").isin([FUZZY, MISS]) & (pc.field("looked_up") == night)
    return len(lake.read(RECORDINGS, columns=["track_key"], filters=fuzzy))


def artist_mbids(lake: Lake) -> dict[str, str]:
    """Return the MusicBrainz ids of artists by key: of their recordings, or as neighbours."""
    near = lake.frame(
        SIMILAR,
        columns=["neighbour_key", "mbid"],
        filters=(pc.field("kind") == "artist") & pc.field("mbid").is_valid(),
    )
    ids = dict(zip(near["neighbour_key"], near["mbid"], strict=True))
    own = lake.frame(
        RECORDINGS, columns=["track_key", "artist_mbid"], filters=pc.field("artist_mbid").is_valid()
    )
    own["artist_key"] = own["track_key"].map(artist_key_in)
    # Of namesakes the one with the most recordings.
    counts = own.groupby(["artist_key", "artist_mbid"]).size().sort_values(kind="stable")
    ids |= dict(counts.index)
    return ids


def track_mbids(lake: Lake) -> dict[str, str]:
    """Return the MusicBrainz ids of tracks by key: their own, or as ListenBrainz' neighbours."""
    named = pc.field("mbid").is_valid()
    near = lake.frame(
        SIMILAR,
        columns=["neighbour_key", "mbid"],
        filters=named
        & (pc.field("source") == CatalogSource.LISTENBRAINZ)
        & (pc.field("kind") != "artist"),
    )
    ids = dict(zip(near["neighbour_key"], near["mbid"], strict=True))
    own = lake.frame(RECORDINGS, columns=["track_key", "mbid"], filters=named)
    ids |= dict(zip(own["track_key"], own["mbid"], strict=True))
    return ids


def told_spotify_ids(
    lake: Lake, client: ListenBrainzClient, tracks: Collection[str]
) -> dict[str, str]:
    """Return the Spotify ids that ListenBrainz tells of tracks, by key; some are absent."""
    known = track_mbids(lake)
    mbids = {key: known[key] for key in tracks if key in known}
    told = client.spotify_ids(mbids.values())
    return {key: told[mbid][0] for key, mbid in mbids.items() if told.get(mbid)}
