"""Typed rows of what ListenBrainz tells about recordings and artists, and their parsers.

It is MusicBrainz' knowledge, and how often everybody plays something. Rows that can't be read are
left out, counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from smallhours.identity import is_named
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.listenbrainz_replies import (
    SERVICE,
    isrcs_of,
    length_of,
    list_of,
    mbid_of,
    mbids_of,
    object_of,
    rows_of,
    spotify_id_of,
    text_of,
    whole_of,
)


@dataclass(frozen=True, slots=True)
class MbTag:
    """A tag of MusicBrainz' with its votes; `genre` where it is one of its official genres."""

    name: str
    count: int
    genre: bool


@dataclass(frozen=True, slots=True)
class ArtistCredit:
    """An artist of a recording, with their tags where they were asked for."""

    mbid: str
    name: str
    tags: tuple[MbTag, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """What MusicBrainz knows of a recording.

    Attributes:
        mbid: As it was asked for.
        artist: The whole credit, such as "A feat. B".
        artists: Its artists.
        tags, release_group_tags: Of the recording, and of its album.
        year: Of its first release; None where it is not known.
        spotify_ids: Of the tracks that MusicBrainz links to.
    """

    mbid: str
    title: str
    artist: str
    artists: tuple[ArtistCredit, ...]
    length_ms: int | None
    isrcs: tuple[str, ...]
    spotify_ids: tuple[str, ...]
    album: str | None
    year: int | None
    tags: tuple[MbTag, ...]
    release_group_tags: tuple[MbTag, ...]


@dataclass(frozen=True, slots=True)
class Popularity:
    """How often, and by how many, something was played; None where nothing is known."""

    listens: int | None
    listeners: int | None


@dataclass(frozen=True, slots=True)
class TrackNames:
    """The names of a recording that is looked up."""

    artist: str
    title: str
    album: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The recording that names were found to mean, with MusicBrainz' names."""

    recording_mbid: str
    artist_mbids: tuple[str, ...]
    artist: str
    title: str


@dataclass(frozen=True, slots=True)
class TopRecording:
    """One of an artist's most played recordings."""

    mbid: str
    artist: str
    artist_mbids: tuple[str, ...]
    title: str
    length_ms: int | None
    tags: tuple[MbTag, ...]
    listens: int | None
    listeners: int | None


@dataclass(frozen=True, slots=True)
class TaggedRecording:
    """A recording with a tag; `source` says what carries it: recording, artist or album."""

    mbid: str
    tag_count: int
    source: str


@dataclass(frozen=True, slots=True)
class SimilarRecording:
    """A neighbour of a recording. Scores of one seed can be compared with each other only."""

    mbid: str
    artist: str
    artist_mbids: tuple[str, ...]
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class SimilarArtist:
    """A neighbour of an artist. Scores of one seed can be compared with each other only."""

    mbid: str
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class CanonicalRecording:
    """What a recording's id leads to, after merges in MusicBrainz.

    Attributes:
        asked: The id that was asked for.
        mbid: The id that it has now.
        canonical: Of the recording that stands for all of its kind; None where there is none.
    """

    asked: str
    mbid: str
    canonical: str | None
    artist: str
    title: str
    length_ms: int | None


def parse_recordings(reply: JsonCursor, asked: Iterable[str]) -> dict[str, Recording]:
    """Parse `metadata/recording/`: what is known, by the id that was asked for."""
    entries = JsonCursor(
        SERVICE, [mbid for mbid in asked if not reply[mbid].absent], odd_rows=reply.odd_rows
    )
    rows = entries.rows(lambda entry: _recording(entry.value, reply[entry.value]))
    return {row.mbid: row for row in rows}


def _recording(mbid: str, entry: JsonCursor) -> Recording:
    about, artist, tag = entry["recording"], entry["artist"], object_of(entry["tag"])
    release = object_of(entry["release"])
    artist_tags = list(tag["artist"]) if not tag["artist"].absent else []
    return Recording(
        mbid=mbid,
        title=about["name"].text(),
        artist=artist["name"].text(),
        artists=tuple(
            ArtistCredit(
                found,
                each["name"].text(),
                parse_tags([row for row in artist_tags if row["artist_mbid"].value == found]),
            )
            for each in artist["artists"]
            if (found := mbid_of(each["artist_mbid"].value))
        ),
        length_ms=length_of(about["length"]),
        isrcs=tuple(isrcs_of(list_of(about["isrcs"]))),
        spotify_ids=_spotify_ids(about["url_rels"]),
        album=text_of(release["name"]),
        year=_year(about["first_release_date"], release["year"]),
        tags=parse_tags(rows_of(tag["recording"])),
        release_group_tags=parse_tags(rows_of(tag["release_group"])),
    )


def parse_artists(reply: JsonCursor) -> dict[str, ArtistCredit]:
    """Parse `metadata/artist/`: what is known, by id."""
    rows = reply.rows(_artist)
    return {row.mbid: row for row in rows}


def _artist(row: JsonCursor) -> ArtistCredit:
    mbid = mbid_of(row["artist_mbid"].value)
    if mbid is None:
        raise row["artist_mbid"].broken("a MusicBrainz id")
    return ArtistCredit(
        mbid, row["name"].text(), parse_tags(rows_of(object_of(row["tag"])["artist"]))
    )


def parse_tags(rows: Iterable[JsonCursor]) -> tuple[MbTag, ...]:
    """Return tags with their votes, the most first; rows that are none are left out."""
    tags = [
        MbTag(row["tag"].value, row["count"].value, not row["genre_mbid"].absent)
        for row in rows
        if isinstance(row["tag"].value, str) and is_named(row["tag"].value)
        and isinstance(row["count"].value, int) and row["count"].value > 0
    ]  # fmt: skip
    return tuple(sorted(tags, key=lambda tag: (-tag.count, tag.name)))


def parse_popularity(reply: JsonCursor, key: str) -> dict[str, Popularity]:
    """Parse `popularity/recording` or `popularity/artist`, by the id in `key`."""

    def parse(row: JsonCursor) -> tuple[str, Popularity]:
        listens, listeners = row["total_listen_count"], row["total_user_count"]
        known = Popularity(listens.whole_or_none(), listeners.whole_or_none())
        return row[key].some_text(), known

    return {mbid: known for mbid, known in reply.rows(parse) if known.listens is not None}


def parse_match(row: JsonCursor) -> Match | None:
    """Parse what names were found to mean; None when nothing was found."""
    mbid = mbid_of(row["recording_mbid"].value)
    if mbid is None:
        return None
    return Match(
        recording_mbid=mbid,
        artist_mbids=tuple(mbids_of(list_of(row["artist_mbids"]))),
        artist=row["artist_credit_name"].text(),
        title=row["recording_name"].text(),
    )


def parse_top_recordings(reply: JsonCursor, limit: int) -> tuple[TopRecording, ...]:
    """Parse the first rows of `popularity/top-recordings-for-artist`, most played first."""
    first = JsonCursor(SERVICE, reply.value, odd_rows=reply.odd_rows)
    if isinstance(first.value, list):
        first = JsonCursor(SERVICE, first.value[:limit], odd_rows=reply.odd_rows)
    return tuple(first.rows(_top_recording))


def _top_recording(row: JsonCursor) -> TopRecording:
    return TopRecording(
        mbid=row["recording_mbid"].some_text(),
        artist=row["artist_name"].some_text(),
        artist_mbids=tuple(mbids_of(list_of(row["artist_mbids"]))),
        title=row["recording_name"].some_text(),
        length_ms=length_of(row["length"]),
        tags=parse_tags(rows_of(row["tags"])),
        listens=row["total_listen_count"].whole_or_none(),
        listeners=row["total_user_count"].whole_or_none(),
    )


def parse_tagged(reply: JsonCursor) -> tuple[TaggedRecording, ...]:
    """Parse `lb-radio/tags`."""
    return tuple(
        reply.rows(
            lambda row: TaggedRecording(
                row["recording_mbid"].some_text(),
                row["tag_count"].whole(),
                text_of(row["source"]) or "",
            )
        )
    )


def parse_similar_recordings(reply: JsonCursor) -> tuple[SimilarRecording, ...]:
    """Parse `similar-recordings`, the nearest first; rows of nulls are left out."""
    rows = [row for row in reply if not row["recording_mbid"].absent]
    known = JsonCursor(SERVICE, [row.value for row in rows], odd_rows=reply.odd_rows)
    found = known.rows(
        lambda row: SimilarRecording(
            mbid=row["recording_mbid"].some_text(),
            artist=row["artist_credit_name"].some_text(),
            artist_mbids=tuple(mbids_of(list_of(row["artist_credit_mbids"]))),
            title=row["recording_name"].some_text(),
            score=row["score"].number(),
        )
    )
    best = {row.mbid: row for row in sorted(found, key=lambda row: row.score)}
    return tuple(sorted(best.values(), key=lambda row: (-row.score, row.mbid)))


def parse_similar_artists(reply: JsonCursor) -> tuple[SimilarArtist, ...]:
    """Parse `similar-artists`, the nearest first; rows of nulls are left out."""
    rows = [row for row in reply if not row["artist_mbid"].absent]
    known = JsonCursor(SERVICE, [row.value for row in rows], odd_rows=reply.odd_rows)
    found = known.rows(
        lambda row: SimilarArtist(
            row["artist_mbid"].some_text(), row["name"].some_text(), row["score"].number()
        )
    )
    best = {row.mbid: row for row in sorted(found, key=lambda row: row.score)}
    return tuple(sorted(best.values(), key=lambda row: (-row.score, row.mbid)))


def parse_spotify_ids(reply: JsonCursor) -> dict[str, tuple[str, ...]]:
    """Parse `spotify-id-from-mbid`: the ids by recording, the best first; () where none is."""

    def parse(row: JsonCursor) -> tuple[str, tuple[str, ...]]:
        ids = (each for each in list_of(row["spotify_track_ids"]) if isinstance(each, str))
        return row["recording_mbid"].some_text(), tuple(dict.fromkeys(ids))

    return dict(reply.rows(parse))


def parse_canonical(reply: JsonCursor) -> dict[str, CanonicalRecording]:
    """Parse `recording-mbid-lookup`, by the id that was asked for; unknown ones are left out."""

    def parse(row: JsonCursor) -> CanonicalRecording | None:
        asked, mbid = row["original_recording_mbid"].some_text(), row["recording_mbid"]
        if mbid.absent:
            return None
        return CanonicalRecording(
            asked=asked,
            mbid=mbid.some_text(),
            canonical=row["canonical_recording_mbid"].text_or_none(),
            artist=text_of(row["artist_credit_name"]) or "",
            title=text_of(row["recording_name"]) or "",
            length_ms=length_of(row["length"]),
        )

    return {row.asked: row for row in reply.rows(parse)}


def _spotify_ids(links: JsonCursor) -> tuple[str, ...]:
    found = (spotify_id_of(row["url"].value) for row in rows_of(links))
    return tuple(dict.fromkeys(each for each in found if each))


def _year(first: JsonCursor, year: JsonCursor) -> int | None:
    if isinstance(first.value, str):
        try:
            return date.fromisoformat(first.value).year
        except ValueError:
            pass
    return whole_of(year.value)
