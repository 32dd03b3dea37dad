"""The Tonight page: picks with reasons and sound, changes since the last list, and reactions."""

import datetime as dt
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from smallhours.catalog.seeds import EVIDENCE
from smallhours.lake.list_tables import METRICS, PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.feedback import one_per_night
from smallhours.places.place import page_of
from smallhours.playlist.explain.explanation import nights_of
from smallhours.playlist.explain.track_evidence import FeatureValue, track_features
from smallhours.playlist.rank.evidence import read_features
from smallhours.services.set_aside import deferred_on, set_aside_on
from smallhours.training.ranking.signals import reached_picks
from smallhours.vocabulary import SHOWN, PlaceName
from smallhours.web.page_context import PageContext

STRIP_DAYS = 30
SPOTIFY = "https://open.spotify.com"
PLACE_NAMES: Mapping[str, str] = {
    PlaceName.SPOTIFY: "Spotify",
    PlaceName.LISTENBRAINZ: "ListenBrainz",
    PlaceName.SUBSONIC: "your music server",
    PlaceName.FILES: "your folder of lists",
}
ZERO_TO_ONE = ("danceability", "acousticness", "energy", "valence", "instrumentalness")


@dataclass(frozen=True)
class ListedTrack:
    """One track of the list, as the page shows it.

    Attributes:
        position: Position in the list, from 1.
        track_key: The recording.
        artist, title: Display names.
        reason: The explanation of the pick.
        slot: `exploit` or `explore`.
        score: The fused score, 0-1.
        link: Its page on Spotify; empty when it has no id yet.
        features: Known audio features, 0-1 each.
        reactions: The listener's reactions to this pick.
    """

    position: int
    track_key: str
    artist: str
    title: str
    reason: str
    slot: str
    score: float
    link: str
    features: Sequence[FeatureValue]
    reactions: frozenset[str]


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
        missing: The tracks of the list that are not there: `artist – title`.
    """

    place: str = ""
    name: str = ""
    outcome: str = ""
    note: str = ""
    link: str = ""
    uris: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class TonightPage:
    """The data of the Tonight page.

    Attributes:
        night: The night that is shown; None when there is no list yet.
        nights: All nights with a list, newest first.
        intent: Key of the playlist.
        intents: Names of the listener's playlists by key.
        name: Name of the playlist.
        outcome: The ledger's outcome; empty when the list was not published yet.
        note: The ledger's note.
        link: The playlist's page; empty when there is none.
        places: The list at each place, the one with most of it first.
        picks: The list.
        missed: Which services were set aside on that night, and which single questions left out.
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
    picks: Sequence[ListedTrack]
    missed: Sequence[str]
    new: Sequence[str]
    gone: Sequence[str]
    strip: Sequence[StripDay]


def tonight(
    page_context: PageContext, *, night: dt.date | None = None, intent: str = "main"
) -> TonightPage:
    """Read the data of a night's page; by default, of the newest night with a list."""
    nights = nights_of(page_context.lake, page_context.listener)
    night = night or (nights[0] if nights else None)
    playlists = page_context.lake.frame(PLAYLISTS, where={"listener": page_context.listener})
    playlists = playlists[playlists["intent"] == intent].sort_values("night")
    feedback = _feedback(page_context, intent)
    chosen = _chosen(page_context, night, intent)
    places = _places(playlists[playlists["night"] == night], chosen)
    playlists = one_per_night(playlists).sort_values("night")
    entry = next(iter(places), ListAtPlace())
    picks = _picks(page_context, chosen, entry.uris, feedback[feedback["night"] == night])
    missed = _missed(page_context, night) if night else []
    new, gone = _difference(page_context, intent, playlists, night, picks)
    return TonightPage(
        night=night,
        nights=nights,
        intent=intent,
        intents=page_context.intents,
        name=entry.name or page_context.intents.get(intent, intent),
        outcome=entry.outcome,
        note=entry.note,
        link=entry.link,
        places=places,
        picks=picks,
        missed=missed,
        new=new,
        gone=gone,
        strip=strip(playlists, feedback, until=night or page_context.today),
    )


def _missed(page_context: PageContext, night: dt.date) -> list[str]:
    about = page_context.lake, page_context.listener, night
    refused = [f"Set aside this night: {why}" for why in set_aside_on(*about).values()]
    figures = page_context.lake.frame(METRICS, where={"month": f"{night:%Y-%m}"})
    mine = (figures["listener"] == page_context.listener) & (figures["night"] == night)
    old = figures.loc[mine & (figures["subject"] == EVIDENCE), "value"].sum()
    if round(100 * old):
        refused.append(
            f"Old evidence: for {old:.0%} of your tracks, artists and tags, no source has said "
            f"anything new for {page_context.settings.catalog.fresh_days} days."
        )
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


def _chosen(page_context: PageContext, night: dt.date | None, intent: str) -> pd.DataFrame:
    columns = ["intent", "track_key", "artist", "title", "reason", "slot", "score", "position"]
    where = {"listener": page_context.listener, "night": str(night)}
    rows = page_context.lake.frame(RECOMMENDATIONS, columns=columns, where=where)
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    return rows.sort_values("position")


def _feedback(page_context: PageContext, intent: str) -> pd.DataFrame:
    columns = ["night", "intent", "track_key", "reaction"]
    rows = page_context.lake.frame(
        FEEDBACK, columns=columns, where={"listener": page_context.listener}
    )
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
        outcome=str(row["outcome"]).replace("_", " "),
        note=str(row["note"] or ""),
        link=page_of(place, playlist_id),
        uris=dict(zip(row["track_keys"], row["uris"], strict=False)),
        missing=[f"{artist} – {title}" for key, artist, title in names if keys and key not in keys],
    )


def _picks(
    page_context: PageContext, chosen: pd.DataFrame, uris: Mapping[str, str], feedback: pd.DataFrame
) -> list[ListedTrack]:
    sounds = track_features(read_features(page_context.lake, chosen["track_key"]))
    reactions = {key: frozenset(rows) for key, rows in feedback.groupby("track_key")["reaction"]}
    return [
        ListedTrack(
            position=int(row["position"]),
            track_key=row["track_key"],
            artist=row["artist"],
            title=row["title"],
            reason=row["reason"],
            slot=row["slot"],
            score=float(row["score"]),
            link=_link(uris.get(row["track_key"], "")),
            features=[
                each for each in sounds.get(row["track_key"], []) if each.name in ZERO_TO_ONE
            ],
            reactions=reactions.get(row["track_key"], frozenset()),
        )
        for row in chosen.to_dict("records")
    ]


def _link(uri: str) -> str:
    if uri.startswith("https://"):
        return uri
    service, _, rest = uri.partition(":")
    kind, _, spotify_id = rest.partition(":")
    return f"{SPOTIFY}/{kind}/{spotify_id}" if service == "spotify" and spotify_id else ""


def _difference(
    page_context: PageContext,
    intent: str,
    playlists: pd.DataFrame,
    night: dt.date | None,
    picks: Sequence[ListedTrack],
) -> tuple[list[str], list[str]]:
    """Return the tracks added and removed since the last shown list."""
    shown = playlists[playlists["outcome"].isin(SHOWN)]
    before = shown[shown["night"] < night] if night else shown.iloc[:0]
    if before.empty:
        return [], []
    last = before.iloc[-1]
    names = {
        row["track_key"]: f"{row['artist']} – {row['title']}"
        for row in _chosen(page_context, last["night"], intent).to_dict("records")
    }
    old, now = list(last["track_keys"]), {pick.track_key for pick in picks}
    new = [f"{p.artist} – {p.title}" for p in picks if p.track_key not in set(old)]
    return new, [names.get(key, key) for key in old if key not in now]
