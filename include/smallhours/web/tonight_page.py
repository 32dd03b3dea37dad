"""The Tonight page: picks with reasons and sound, changes since the last list, and reactions."""

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from smallhours.catalog.seeds import EVIDENCE
from smallhours.lake.list_tables import METRICS, PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.places.place import ListedTrack, page_of
from smallhours.playlist.explain.track_evidence import FeatureValue, track_features
from smallhours.playlist.publish.target_list import listed_tracks
from smallhours.playlist.rank.evidence import read_features
from smallhours.playlist.select.exclusion import explain_shortfall
from smallhours.playlist.select.quality import alarms_in
from smallhours.services.set_aside import deferred_on, set_aside_on
from smallhours.training.evaluation.receptions import Promise, promises_by_night
from smallhours.training.ranking.signals import reached_picks
from smallhours.vocabulary import SHOWN, Outcome, PlaceName
from smallhours.web.page_context import PageContext
from smallhours.web.track_links import (
    image_hosts,
    player_address,
    search_link,
    service_links,
    spotify_link,
)

STRIP_DAYS = 30
NIGHTS_OFFERED = 30  # to choose from; older ones are linked from History
PLACE_NAMES: Mapping[str, str] = {
    PlaceName.SPOTIFY: "Spotify",
    PlaceName.LISTENBRAINZ: "ListenBrainz",
    PlaceName.SUBSONIC: "your music server",
    PlaceName.FILES: "your folder of lists",
}
ZERO_TO_ONE = ("danceability", "acousticness", "energy", "valence", "instrumentalness")


@dataclass(frozen=True)
class ShownTrack:
    """One track of the list, as the page shows it.

    Attributes:
        position: Position in the list, from 1.
        track_key: The recording.
        artist, title: Display names.
        reason: The explanation of the pick.
        score: The fused score, 0-1.
        length: Minutes and seconds, `3:07`; empty when it is not known.
        link: Its page on Spotify, or at the address of the listener's choice; may be empty.
        player: Address of Spotify's player for it; empty where that is not wanted.
        cover: Address of its album's cover; empty when there is none.
        links: Its pages at other services, by the service's name.
        features: Known audio features, 0-1 each.
        reactions: The listener's reactions to this pick.
    """

    position: int
    track_key: str
    artist: str
    title: str
    reason: str
    score: float
    length: str
    link: str
    player: str
    cover: str
    links: Mapping[str, str]
    features: Sequence[FeatureValue]
    reactions: frozenset[str]

    @property
    def row_id(self) -> str:
        """The id of its row on the page, which the address after a button names."""
        return row_id(self.track_key)


def row_id(track_key: str) -> str:
    """Return the id of a track's row: letters and digits, whatever the key holds."""
    return f"t{zlib.crc32(track_key.encode()):08x}"


@dataclass(frozen=True)
class StripDay:
    """One night of the strip: number of picks shown, and of welcome and unwelcome ones."""

    night: dt.date
    shown: int
    welcome: int
    unwelcome: int


@dataclass(frozen=True)
class ListAtPlace:
    """A night's list at one place, as the ledger has it; empty when it was not published yet.

    Attributes:
        place: The place's name for people.
        name: Name of the playlist.
        outcome: The ledger's outcome, in words.
        note: The ledger's note.
        link: The playlist's page; empty when there is none.
        uris: The tracks' URIs, by track key.
        covers: The addresses of the tracks' covers, by track key.
        missing: The tracks of the list that are not there: `artist – title`.
    """

    place: str = ""
    name: str = ""
    outcome: str = ""
    note: str = ""
    link: str = ""
    uris: Mapping[str, str] = field(default_factory=dict)
    covers: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class TonightPage:
    """The data of the Tonight page.

    Attributes:
        night: The night that is shown; None when there is no list yet.
        nights: The newest nights with a list, newest first, and the one shown.
        intent: Key of the playlist.
        intents: Names of the listener's playlists by key.
        name: Name of the playlist.
        outcome: The ledger's outcome; empty when the list was not published yet.
        note: The ledger's note.
        link: The playlist's page; empty when there is none.
        places: The list at each place, the one with most of it first.
        picks: The list.
        length: How long it plays, `1 h 54 min`; empty while the lengths are not known.
        shortfall: Why the list is shorter than the settings ask for; empty if it is not.
        promised: How many of its tracks will be heard out; None without a promise.
        missed: Services set aside, single questions left out, and alarms.
        new, gone: What the list has, and has no more, against the one before: `artist – title`.
        strip: The last 30 days, oldest first.
    """

    night: dt.date | None
    nights: Sequence[dt.date]
    intent: str
    intents: Mapping[str, str]
    name: str
    outcome: str
    note: str
    link: str
    places: Sequence[ListAtPlace]
    picks: Sequence[ShownTrack]
    length: str
    shortfall: str
    promised: Promise | None
    missed: Sequence[str]
    new: Sequence[str]
    gone: Sequence[str]
    strip: Sequence[StripDay]


def tonight(
    page_context: PageContext, *, night: dt.date | None = None, intent: str = "main"
) -> TonightPage:
    """Read a night's page; by default, of the newest night with a list."""
    playlists = page_context.lake.frame(PLAYLISTS, where={"listener": page_context.listener})
    nights = _nights(page_context, playlists)
    night = night or (nights[0] if nights else None)
    playlists = playlists[playlists["intent"] == intent].sort_values("night")
    until = night or page_context.today
    since = until - dt.timedelta(days=STRIP_DAYS - 1)
    feedback = _feedback(page_context, intent, since, until)
    considered = _considered(page_context, night, intent)
    chosen = considered[considered["position"].notna()]
    places = _places(playlists[playlists["night"] == night], chosen)
    if page_context.made_up:
        places = [replace(each, link="") for each in places]
    playlists = one_per_night(playlists).sort_values("night")
    entry = next(iter(places), ListAtPlace())
    tracks = listed_tracks(page_context.lake, chosen) if len(chosen) else []
    reactions = feedback[feedback["night"] == night]
    picks = _picks(page_context, chosen, tracks, entry, reactions)
    if page_context.made_up:
        picks = [replace(each, link="", player="", links={}) for each in picks]
    about = page_context.lake, page_context.listener
    missed = _missed(page_context, night) if night else []
    new, gone = _difference(page_context, intent, playlists, night, picks)
    return TonightPage(
        night=night,
        nights=sorted({*nights[:NIGHTS_OFFERED], *([night] if night else [])}, reverse=True),
        intent=intent,
        intents=page_context.intents,
        name=entry.name or page_context.intents.get(intent, intent),
        outcome=entry.outcome,
        note=entry.note,
        link=entry.link,
        places=places,
        picks=picks,
        length=_total_length([each.duration_ms for each in tracks]),
        shortfall=_shortfall(page_context, considered, night, intent),
        promised=promises_by_night(*about, [until], intent=intent).get(until),
        missed=missed,
        new=new,
        gone=gone,
        strip=strip(playlists[playlists["night"] >= since], feedback, until=until),
    )


def _nights(page_context: PageContext, playlists: pd.DataFrame) -> list[dt.date]:
    """Return the nights that have a list, newest first: from the ledger, which is one file.

    A list of last night or tonight that was chosen and is not in the ledger yet counts, too.

    Args:
        page_context: Context of the page.
        playlists: The listener's rows of `playlists`.
    """
    nights = set(playlists["night"])
    for day in (page_context.today, page_context.today - dt.timedelta(days=1)):
        where = {"listener": page_context.listener, "night": str(day)}
        if day not in nights and len(
            page_context.lake.frame(RECOMMENDATIONS, columns=["intent"], where=where)
        ):
            nights.add(day)
    return sorted(nights, reverse=True)


def _missed(page_context: PageContext, night: dt.date) -> list[str]:
    about = page_context.lake, page_context.listener, night
    refused = [f"Set aside this night: {why}" for why in set_aside_on(*about).values()]
    figures = page_context.lake.frame(METRICS, where={"month": f"{night:%Y-%m}"})
    figures = figures[(figures["listener"] == page_context.listener) & (figures["night"] == night)]
    old = figures.loc[figures["subject"] == EVIDENCE, "value"].sum()
    if round(100 * old):
        refused.append(
            f"Old evidence: for {old:.0%} of your tracks, artists and tags, no source has said "
            f"anything new for {page_context.settings.catalog.fresh_days} days."
        )
    refused += map(str, alarms_in(figures))
    return refused + [
        f"Left out this night, as {service} gives no answer: {what}."
        for service, what in deferred_on(*about).items()
    ]


def strip(playlists: pd.DataFrame, feedback: pd.DataFrame, *, until: dt.date) -> list[StripDay]:
    """Return the reactions to each list of the last 30 days, as the ranking learns from them.

    Args:
        playlists: Rows of `playlists` of one intent.
        feedback: Rows of `feedback` of the same intent.
        until: The last day.
    """
    shown = playlists[playlists["outcome"].isin(SHOWN)]
    sizes = {
        night: len(keys) for night, keys in zip(shown["night"], shown["track_keys"], strict=True)
    }
    reached = reached_picks(feedback)
    welcome = Counter(reached.loc[reached["welcome"], "night"])
    unwelcome = Counter(reached.loc[~reached["welcome"], "night"])
    days = []
    for age in range(STRIP_DAYS - 1, -1, -1):
        day = until - dt.timedelta(days=age)
        days.append(StripDay(day, sizes.get(day, 0), welcome[day], unwelcome[day]))
    return days


def _considered(page_context: PageContext, night: dt.date | None, intent: str) -> pd.DataFrame:
    columns = ["intent", "track_key", "artist", "title", "reason", "score", "position"]
    where = {"listener": page_context.listener, "night": str(night)}
    rows = page_context.lake.frame(RECOMMENDATIONS, columns=[*columns, "why_not"], where=where)
    return rows[rows["intent"] == intent].sort_values("position")


def _shortfall(
    page_context: PageContext, considered: pd.DataFrame, night: dt.date | None, intent: str
) -> str:
    wanted = page_context.playlist_settings.playlists.get(intent)
    if night is None or wanted is None or considered.empty:
        return ""
    return explain_shortfall(considered, wanted, night)


def _feedback(
    page_context: PageContext, intent: str, since: dt.date, until: dt.date
) -> pd.DataFrame:
    columns = ["night", "intent", "track_key", "reaction"]
    months = sorted({f"{day:%Y-%m}" for day in (since, since + (until - since) / 2, until)})
    where = {"listener": page_context.listener, "month": months}
    rows = page_context.lake.frame(FEEDBACK, columns=columns, where=where)
    return rows[rows["intent"] == intent]


def _places(rows: pd.DataFrame, chosen: pd.DataFrame) -> list[ListAtPlace]:
    """Return a night's list at each place, the one with most of it first."""
    if rows.empty:
        return []
    main = one_per_night(rows).index
    rest = rows.drop(index=main)
    return [_at_place(row, chosen) for row in [*_records(rows.loc[main]), *_records(rest)]]


def _records(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return rows.to_dict("records")


def _at_place(row: Mapping[Hashable, Any], chosen: pd.DataFrame) -> ListAtPlace:
    place, playlist_id = row["place"], row["playlist_id"]
    keys = set(row["track_keys"])
    names = zip(*(chosen[name] for name in ("track_key", "artist", "title")), strict=True)
    return ListAtPlace(
        place=PLACE_NAMES.get(place, place),
        name=str(row["name"]),
        outcome=Outcome(row["outcome"]).in_words,
        note=str(row["note"] or ""),
        link=page_of(place, playlist_id),
        uris=dict(zip(row["track_keys"], row["uris"], strict=False)),
        covers={}
        if row["covers"] is None
        else dict(zip(row["track_keys"], row["covers"], strict=False)),
        missing=[f"{artist} – {title}" for key, artist, title in names if keys and key not in keys],
    )


def _picks(
    page_context: PageContext,
    chosen: pd.DataFrame,
    tracks: Sequence[ListedTrack],
    entry: ListAtPlace,
    feedback: pd.DataFrame,
) -> list[ShownTrack]:
    sounds = track_features(read_features(page_context.lake, chosen["track_key"]))
    reactions = {key: frozenset(rows) for key, rows in feedback.groupby("track_key")["reaction"]}
    wanted = page_context.playlist_settings.pages
    services, mine = page_context.settings.services, page_context.playlist_settings
    hosts = tuple(f"{host}/" for host in image_hosts(services, mine))
    return [
        ShownTrack(
            position=track.position,
            track_key=track.track_key,
            artist=track.artist,
            title=track.title,
            reason=track.reason,
            score=float(row["score"]),
            length=_minutes(track.duration_ms),
            link=spotify_link(uri := entry.uris.get(track.track_key, ""))
            or search_link(wanted.track_link, track.artist, track.title),
            player=player_address(uri) if wanted.player else "",
            cover=cover
            if (cover := entry.covers.get(track.track_key, "")).startswith(hosts)
            else "",
            links=service_links(track.artist, track.title, track.mbid),
            features=[each for each in sounds.get(track.track_key, []) if each.name in ZERO_TO_ONE],
            reactions=reactions.get(track.track_key, frozenset()),
        )
        for track, row in zip(tracks, chosen.to_dict("records"), strict=True)
    ]


def _minutes(duration_ms: int | None) -> str:
    """Return a track's length: `3:07`; empty when it is not known."""
    return "" if not duration_ms else "{}:{:02d}".format(*divmod(round(duration_ms / 1000), 60))


def _total_length(durations_ms: Sequence[int | None]) -> str:
    """Return a list's length: `1 h 54 min`, `at least 38 min` where some lengths are missing."""
    known = [each for each in durations_ms if each]
    hours, minutes = divmod(round(sum(known) / 60_000), 60)
    told = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    if not known:
        return ""
    return told if len(known) == len(durations_ms) else f"at least {told}"


def _difference(
    page_context: PageContext,
    intent: str,
    playlists: pd.DataFrame,
    night: dt.date | None,
    picks: Sequence[ShownTrack],
) -> tuple[list[str], list[str]]:
    """Return the tracks added and removed since the last shown list."""
    shown = playlists[playlists["outcome"].isin(SHOWN)]
    before = shown[shown["night"] < night] if night else shown.iloc[:0]
    if before.empty:
        return [], []
    last = before.iloc[-1]
    names = {
        row["track_key"]: f"{row['artist']} – {row['title']}"
        for row in _considered(page_context, last["night"], intent).to_dict("records")
    }
    old, now = list(last["track_keys"]), {pick.track_key for pick in picks}
    new = [f"{p.artist} – {p.title}" for p in picks if p.track_key not in set(old)]
    return new, [names.get(key, key) for key in old if key not in now]
