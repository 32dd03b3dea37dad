"""ListenBrainz client: one method per question.

What is asked about many things at once goes in the largest batches that a call takes; what
ListenBrainz does not know is absent from the answer. Several threads may share a client.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from unicodedata import normalize

from smallhours.errors import NeedsLogin, SettingsError
from smallhours.identity import is_named
from smallhours.services.batches import OnFailure, ask_in_batches
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.listenbrainz_metadata import (
    ArtistCredit,
    CanonicalRecording,
    Match,
    Popularity,
    Recording,
    SimilarArtist,
    SimilarRecording,
    TaggedRecording,
    TopRecording,
    TrackNames,
    parse_artists,
    parse_canonical,
    parse_match,
    parse_popularity,
    parse_recordings,
    parse_similar_artists,
    parse_similar_recordings,
    parse_spotify_ids,
    parse_tagged,
    parse_top_recordings,
)
from smallhours.services.listenbrainz_playlists import PlaylistCalls
from smallhours.services.listenbrainz_replies import (
    FeedbackPage,
    ListenPage,
    mbids_of,
    parse_feedback,
    parse_listen_count,
    parse_listens,
    parse_user_of_token,
)
from smallhours.services.listenbrainz_transport import UnknownAlgorithm, path_of

T = TypeVar("T")

MAX_LISTENS: Final = 1000
MAX_MBIDS: Final = 1000
# Artists are asked for in the address, whose length is bounded.
MAX_ARTISTS: Final = 100
MAX_NAMES: Final = 50
MAX_LABS_INPUTS: Final = 100
# All names of one look-up together.
MAX_NAMES_LENGTH: Final = 249
# Labs' algorithms come and go: of those that it has, the one most like these is taken.
SIMILAR_ARTISTS: Final = (
    "session_based_days_7500_session_300_contribution_3_threshold_10_limit_100_filter_True_skip_30"
)
SIMILAR_RECORDINGS: Final = (
    "session_based_days_7500_session_300_contribution_5_threshold_15_limit_50_skip_30"
    "_top_n_listeners_1000"
)


class ListenBrainzClient(PlaylistCalls):
    """ListenBrainz' API, and its Labs'.

    Every method raises, besides what it names:

    * NotFound - ListenBrainz does not know the user or the playlist;
    * SourceRefused - a wrong token, or no contact to name;
    * Refused - one odd question, or one that needs a token;
    * RetryLater - a rate limit, or no usable reply in three tries;
    * BrokenReply - three replies in a row that are not as documented.
    """

    def listens(
        self,
        user: str,
        *,
        min_ts: datetime | None = None,
        max_ts: datetime | None = None,
        count: int = MAX_LISTENS,
    ) -> ListenPage:
        """Return some of a user's listens, newest first.

        With `min_ts` they are the oldest after it, else the newest before `max_ts`; both bounds are
        excluded. A `min_ts` long before the oldest listen, or a `max_ts` in the future, gives
        nothing.
        """
        params: dict[str, str | int] = {"count": count}
        params |= {"min_ts": int(min_ts.timestamp())} if min_ts else {}
        params |= {"max_ts": int(max_ts.timestamp())} if max_ts else {}
        return self._get(
            f"user/{path_of(user)}/listens", "user/{name}/listens", parse_listens, **params
        )

    def listen_count(self, user: str) -> int:
        """Return how many listens a user has; deleted ones count until the next full hour."""
        return self._get(
            f"user/{path_of(user)}/listen-count", "user/{name}/listen-count", parse_listen_count
        )

    def user_of_token(self) -> str | None:
        """Return the name of the token's user, or None when the token is not valid."""
        self._check_token("validate-token")
        return self._get("validate-token", "validate-token", parse_user_of_token)

    def feedback(
        self, user: str, *, score: int, offset: int = 0, count: int = MAX_LISTENS
    ) -> FeedbackPage:
        """Return some of the tracks that a user loves (1) or hates (-1), newest first."""
        return self._get(
            f"feedback/user/{path_of(user)}/get-feedback",
            "feedback/user/{name}/get-feedback",
            parse_feedback,
            score=score,
            offset=offset,
            count=count,
            metadata="true",
        )

    def recordings(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, Recording]:
        """Return what is known of recordings, with tags; merged and unknown ones are absent."""

        def ask(batch: Sequence[str]) -> dict[str, Recording]:
            return self._post(
                "metadata/recording/",
                "metadata/recording/",
                {"recording_mbids": list(batch), "inc": "artist tag release"},
                lambda reply: parse_recordings(reply, batch),
            )

        return ask_in_batches(mbids_of(mbids), MAX_MBIDS, ask, on_failure)

    def artists(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, ArtistCredit]:
        """Return artists with their tags; unknown ones are absent."""

        def ask(batch: Sequence[str]) -> dict[str, ArtistCredit]:
            return self._get(
                "metadata/artist/",
                "metadata/artist/",
                parse_artists,
                artist_mbids=",".join(batch),
                inc="tag",
            )

        return ask_in_batches(mbids_of(mbids), MAX_ARTISTS, ask, on_failure)

    def recording_popularity(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, Popularity]:
        """Return how often, and by how many, recordings were played."""
        return self._popularity("recording", mbids, on_failure)

    def artist_popularity(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, Popularity]:
        """Return how often, and by how many, artists were played."""
        return self._popularity("artist", mbids, on_failure)

    def lookup(
        self, names: Iterable[TrackNames], on_failure: OnFailure[TrackNames] | None = None
    ) -> dict[TrackNames, Match]:
        """Return the recordings that exactly these names mean; the others are absent.

        Names that are empty or too long to be looked up are left out.
        """
        self._check_token("metadata/lookup/")
        spelled: dict[tuple[str, ...], list[TrackNames]] = {}
        for each in names:
            if _can_be_looked_up(each):
                spelled.setdefault(_spelling(each), []).append(each)

        def ask(batch: Sequence[TrackNames]) -> dict[TrackNames, Match]:
            def read(reply: JsonCursor) -> dict[TrackNames, Match]:
                found = reply.rows(lambda row: (row["index"].whole(), parse_match(row)))
                known = {index: match for index, match in found if match is not None}
                return {batch[index]: match for index, match in known.items() if index < len(batch)}

            body = {"recordings": [_names(each) for each in batch]}
            return self._post("metadata/lookup/", "metadata/lookup/", body, read)

        firsts = [alike[0] for alike in spelled.values()]
        found = ask_in_batches(firsts, MAX_NAMES, ask, on_failure)
        return {
            each: found[alike[0]]
            for alike in spelled.values()
            if alike[0] in found
            for each in alike
        }

    def lookup_one(self, artist: str, title: str) -> Match | None:
        """Return the recording that names mean, spelled like these; None when none is found."""
        self._check_token("metadata/lookup/")
        names = TrackNames(artist, title)
        if not _can_be_looked_up(names):
            return None
        return self._get("metadata/lookup/", "metadata/lookup/", parse_match, **_names(names))

    def top_recordings(self, artist_mbid: str, limit: int = 50) -> tuple[TopRecording, ...]:
        """Return an artist's most played recordings."""
        self._check_token("popularity/top-recordings-for-artist")
        return self._get(
            f"popularity/top-recordings-for-artist/{artist_mbid}",
            "popularity/top-recordings-for-artist/{mbid}",
            lambda reply: parse_top_recordings(reply, limit),
        )

    def tag_recordings(
        self, tag: str, count: int = 50, *, popularity: tuple[int, int] = (0, 100)
    ) -> tuple[TaggedRecording, ...]:
        """Return some recordings with a tag, drawn anew each time.

        Args:
            tag: The tag.
            count: How many, at most.
            popularity: How well known they are to be, in percent, from and to.
        """
        begin, end = popularity
        return self._get(
            "lb-radio/tags",
            "lb-radio/tags",
            parse_tagged,
            tag=tag,
            operator="OR",
            count=count,
            pop_begin=begin,
            pop_end=end,
        )

    def similar_recordings(self, mbid: str) -> tuple[SimilarRecording, ...]:
        """Return a recording's neighbours, the nearest first."""
        found = self._similar("similar-recordings", "recording_mbids", mbid, SIMILAR_RECORDINGS)
        return tuple(each for each in parse_similar_recordings(found) if each.mbid != mbid)

    def similar_artists(self, mbid: str) -> tuple[SimilarArtist, ...]:
        """Return an artist's neighbours, the nearest first."""
        found = self._similar("similar-artists", "artist_mbids", mbid, SIMILAR_ARTISTS)
        return tuple(each for each in parse_similar_artists(found) if each.mbid != mbid)

    def spotify_ids(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return recordings' Spotify track ids, the best first; some are absent."""
        return self._labs("spotify-id-from-mbid", mbids, parse_spotify_ids, on_failure)

    def canonical(
        self, mbids: Iterable[str], on_failure: OnFailure[str] | None = None
    ) -> dict[str, CanonicalRecording]:
        """Return what recordings' ids lead to after merges; unknown ones are absent."""
        return self._labs("recording-mbid-lookup", mbids, parse_canonical, on_failure)

    def _popularity(
        self, kind: str, mbids: Iterable[str], on_failure: OnFailure[str] | None
    ) -> dict[str, Popularity]:
        key = f"{kind}_mbid"

        def ask(batch: Sequence[str]) -> dict[str, Popularity]:
            return self._post(
                f"popularity/{kind}",
                f"popularity/{kind}",
                {f"{key}s": list(batch)},
                lambda reply: parse_popularity(reply, key),
            )

        return ask_in_batches(mbids_of(mbids), MAX_MBIDS, ask, on_failure)

    def _labs(
        self,
        slug: str,
        mbids: Iterable[str],
        parse: Callable[[JsonCursor], dict[str, T]],
        on_failure: OnFailure[str] | None,
    ) -> dict[str, T]:
        def ask(batch: Sequence[str]) -> dict[str, T]:
            return parse(self._ask_labs(slug, [{"recording_mbid": mbid} for mbid in batch]))

        return ask_in_batches(mbids_of(mbids), MAX_LABS_INPUTS, ask, on_failure)

    def _similar(self, slug: str, key: str, mbid: str, preferred: str) -> JsonCursor:
        """Ask about one seed: the scores of several can't be told apart."""
        try:
            algorithm = self._algorithms.get(slug, preferred)
            return self._ask_labs(slug, [{key: [mbid], "algorithm": algorithm}])
        except UnknownAlgorithm as unknown:
            nearest = difflib.get_close_matches(preferred, unknown.known, n=1, cutoff=0.0)
            self._algorithms[slug] = nearest[0]
            return self._ask_labs(slug, [{key: [mbid], "algorithm": nearest[0]}])


def check_token(client: ListenBrainzClient, user: str) -> str:
    """Return what a listener's token is good for, or, without one, what can be read.

    Raises:
        SettingsError: when the token is another user's.
        NeedsLogin: when it is not valid.
        ServiceError: when ListenBrainz does not answer, or has no such user.
    """
    if client.has_token:
        owner = client.user_of_token()
        if owner is None:
            raise NeedsLogin(
                client.service,
                "the token is not valid.",
                remedy="Copy it again from listenbrainz.org/settings.",
            )
        if user and owner.casefold() != user.casefold():
            raise SettingsError(
                f"The token is {owner}'s, and `listenbrainz` in the settings is {user!r}.",
                remedy="Correct one of them.",
            )
        user = user or owner
    if not user:
        raise SettingsError(
            "There is neither a ListenBrainz user nor a token.",
            remedy='Write listenbrainz = "YOUR NAME" below this listener in smallhours.toml.',
        )
    told = f"{user} has {client.listen_count(user):,} listens"
    return f"The token works: {told}." if client.has_token else f"{told}; there is no token."


def _names(names: TrackNames) -> dict[str, str]:
    told = {"artist_name": names.artist, "recording_name": names.title}
    return {**told, **({"release_name": names.album} if names.album else {})}


def _can_be_looked_up(names: TrackNames) -> bool:
    told = _names(names)
    return is_named(names.artist, names.title) and sum(map(len, told.values())) <= MAX_NAMES_LENGTH


def _spelling(names: TrackNames) -> tuple[str, ...]:
    """Return what ListenBrainz compares of names: of two that are alike it answers one only."""
    told = (names.artist, names.title, names.album or "")
    plain = (normalize("NFKD", each.casefold()) for each in told)
    return tuple("".join(filter(str.isalnum, each)) for each in plain)
