"""MusicBrainz client: single recordings and names, for what ListenBrainz does not answer.

MusicBrainz answers one request a second and 503 above that, to everybody at this address; it is
waited out. It wants the same contact in each request as ListenBrainz.
"""

import re
from typing import Final

from smallhours.errors import BrokenReply, NotFound, SourceRefused
from smallhours.identity import artist_key_of
from smallhours.service_settings import MusicbrainzSettings
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.listenbrainz_metadata import ArtistCredit, MbTag, Recording
from smallhours.services.listenbrainz_replies import (
    isrcs_of,
    length_of,
    list_of,
    mbid_of,
    object_of,
    rows_of,
    spotify_id_of,
    text_of,
)
from smallhours.services.listenbrainz_transport import NO_CONTACT
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket, shared_rate_limit
from smallhours.services.transport import Client, Reply, Request, Transport

SERVICE: Final = "MusicBrainz"
# How long a refusal for too many requests is waited out; each further one doubles it.
RATE_LIMIT_S: Final = 2.0
_ABOUT_RECORDINGS: Final = "tags genres isrcs artist-credits releases url-rels"
_ABOUT_ISRCS: Final = "tags artist-credits isrcs"
# What has a meaning within quotes in a search, which is in Lucene's language.
_LUCENE: Final = re.compile(r'["\\]')
_MAX_NAMESAKES: Final = 25


class MusicBrainzClient(Client):
    """MusicBrainz' API.

    Args:
        settings: Where it is, and how much is asked of it.
        contact: Named in each request; empty: nothing is asked.
        rate_limit: How fast requests may start; the process's own by default.
        retry_policy: What is tried again.
    """

    service = SERVICE

    def __init__(
        self,
        *,
        settings: MusicbrainzSettings,
        contact: str,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        self._contact = contact
        super().__init__(
            Transport(
                SERVICE,
                "musicbrainz",
                timeout_s=settings.timeout_s,
                rate_limit=rate_limit or shared_rate_limit(SERVICE, settings.calls_per_second),
                retry_policy=retry_policy or RetryPolicy(),
                rate_limit_s=RATE_LIMIT_S,
                contact=contact,
            )
        )

    def recording(self, mbid: str) -> Recording:
        """Return a recording; its id is another one when it was merged into that.

        Raises:
            NotFound: when there is none.
        """
        return _recording(self._get(f"recording/{mbid}", "recording/{mbid}", _ABOUT_RECORDINGS))

    def recordings_of_isrc(self, isrc: str) -> tuple[Recording, ...]:
        """Return the recordings of an ISRC; several are normal.

        Raises:
            NotFound: when there is none.
        """
        reply = self._get(f"isrc/{isrc}", "isrc/{isrc}", _ABOUT_ISRCS)
        return tuple(reply["recordings"].rows(_recording))

    def artists_named(self, name: str) -> tuple[str, ...]:
        """Return the ids of the artists of exactly a name; several may bear it."""
        text = _LUCENE.sub(r"\\\g<0>", name)
        reply = self._get("artist", "artist", query=f'artist:"{text}"', limit=_MAX_NAMESAKES)
        key = artist_key_of(name)
        rows = reply["artists"].rows(lambda row: (row["name"].text(), row["id"].some_text()))
        return tuple(mbid for found, mbid in rows if artist_key_of(found) == key)

    def _get(self, path: str, route: str, inc: str = "", **params: str | int) -> JsonCursor:
        if not self._contact:
            raise SourceRefused(
                SERVICE,
                "it blocks whoever does not name a contact, so it is not asked.",
                remedy=NO_CONTACT,
            )
        request = Request(
            "GET",
            f"{self._url}/{path}",
            f"GET {route}",
            more={"params": {"fmt": "json", **({"inc": inc} if inc else {}), **params}},
        )
        return self._http.call(request, self._json)

    def _json(self, reply: Reply) -> JsonCursor:
        body = reply.json()
        if reply.ok and body is not None:
            return self._http.cursor(body)
        told = body if isinstance(body, dict) else {}
        said = str(told.get("error") or "")
        if reply.status == 503:
            raise self._http.rate_limited(reply, f"{reply.route}: too many requests ({said[:80]}).")
        if reply.status == 404 and said:
            raise NotFound(SERVICE, f"{reply.route}: {said[:80]}.", remedy="Nothing needs doing.")
        if reply.ok:
            raise BrokenReply(SERVICE, f"the reply to {reply.route} is not JSON.", remedy=REMEDY)
        raise self._http.failure(reply, said)


def _recording(row: JsonCursor) -> Recording:
    credit = rows_of(row["artist-credit"])
    genres = {each["name"].value for each in rows_of(row["genres"])}
    return Recording(
        mbid=row["id"].some_text(),
        title=row["title"].text(),
        artist="".join(
            f"{text_of(each['name']) or ''}{text_of(each['joinphrase']) or ''}" for each in credit
        ),
        artists=tuple(_artist(object_of(each["artist"])) for each in credit),
        length_ms=length_of(row["length"]),
        isrcs=tuple(isrcs_of(list_of(row["isrcs"]))),
        spotify_ids=tuple(
            found
            for each in rows_of(row["relations"])
            if (found := spotify_id_of(object_of(each["url"])["resource"].value))
        ),
        album=next((text_of(each["title"]) for each in rows_of(row["releases"])), None),
        year=_year(text_of(row["first-release-date"])),
        tags=_tags(row["tags"], genres),
        release_group_tags=(),
    )


def _artist(artist: JsonCursor) -> ArtistCredit:
    genres = {each["name"].value for each in rows_of(artist["genres"])}
    mbid = mbid_of(artist["id"].value)
    if mbid is None:
        raise artist["id"].broken("a MusicBrainz id")
    return ArtistCredit(mbid, artist["name"].text(), _tags(artist["tags"], genres))


def _tags(tags: JsonCursor, genres: set[object]) -> tuple[MbTag, ...]:
    found = [
        MbTag(each["name"].text(), each["count"].whole(), each["name"].value in genres)
        for each in rows_of(tags)
    ]
    return tuple(sorted(found, key=lambda tag: (-tag.count, tag.name)))


def _year(date: str | None) -> int | None:
    year = (date or "")[:4]
    return int(year) if year.isdecimal() and len(year) == 4 else None
