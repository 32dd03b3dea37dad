"""Tonight: which tracks, why, what they sound like, what changed, and what the listener says?"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYLISTS, RECOMMENDATIONS
from smallhours.pages.place import Place
from smallhours.playlist.evidence import read_features
from smallhours.playlist.grounds import features_of
from smallhours.playlist.ledger import SURELY_SHOWN
from smallhours.playlist.reasons import Feature
from smallhours.playlist.why import nights_of

# What a button says, by the reaction that it writes.
BUTTONS: Mapping[str, str] = {
    "thumbs_up": "More like this",
    "thumbs_down": "Less like this",
    "blocked": "Never again",
}
STRIP_DAYS = 30
ZERO_TO_ONE = ("danceability", "acousticness", "energy", "valence", "instrumentalness")


@dataclass(frozen=True)
class Pick:
    """One track of the list, as the page shows it.

    Attributes:
        position: Its place, from 1.
        track_key: The recording.
        artist, title: As shown.
        reason: Why it was chosen.
        slot: `exploit` or `explore`.
        score: The fused score, 0-1.
        link: Its page at Spotify; empty when it has no id yet.
        features: What is known of how it sounds, 0-1 each.
        said: Reactions of the listener to this pick.
    """

    position: int
    track_key: str
    artist: str
    title: str
    reason: str
    slot: str
    score: float
    link: str
    features: Sequence[Feature]
    said: frozenset[str]


@dataclass(frozen=True)
class Day:
    """One night of the strip: how many picks were shown, and how many were welcome or not."""

    night: dt.date
    shown: int
    welcome: int
    unwelcome: int


@dataclass(frozen=True)
class Tonight:
    """The whole page.

    Attributes:
        night: The night that is shown; None when there is no list yet.
        nights: All nights that have one, newest first.
        intent: Which playlist.
        intents: The listener's playlists: key -> name.
        name: The playlist's name.
        outcome: What the ledger says of it; empty when it was not written yet.
        note: The ledger's note.
        link: The playlist's page at Spotify; empty when there is none.
        picks: The list.
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
    picks: Sequence[Pick]
    new: Sequence[str]
    gone: Sequence[str]
    strip: Sequence[Day]


def tonight(place: Place, *, night: dt.date | None = None, intent: str = "main") -> Tonight:
    """Read the page of a night; without one, of the newest that has a list."""
    lake, listener = place.lake, place.listener
    nights = nights_of(lake, listener)
    night = night or (nights[0] if nights else None)
    playlists = lake.frame(PLAYLISTS, where={"listener": listener})
    playlists = playlists[playlists["intent"] == intent].sort_values("night")
    entry = playlists[playlists["night"] == night]
    chosen = _chosen(lake, listener, night, intent)
    feedback = _feedback(lake, listener)
    uris = _uris(entry)
    sounds = features_of(read_features(lake, chosen["track_key"]))
    said = feedback[(feedback["night"] == night) & (feedback["intent"] == intent)]
    picks = [
        Pick(
            int(row["position"]),
            row["track_key"],
            row["artist"],
            row["title"],
            row["reason"],
            row["slot"],
            float(row["score"]),
            _link(uris.get(row["track_key"], "")),
            [each for each in sounds.get(row["track_key"], []) if each.name in ZERO_TO_ONE],
            frozenset(said.loc[said["track_key"] == row["track_key"], "reaction"]),
        )
        for row in chosen.to_dict("records")
    ]
    new, gone = _difference(lake, listener, intent, playlists, night, picks)
    intents = place.intents
    last = entry.iloc[-1] if len(entry) else None
    return Tonight(
        night,
        nights,
        intent,
        intents,
        str(last["name"]) if last is not None else intents.get(intent, intent),
        str(last["outcome"]).replace("_", " ") if last is not None else "",
        str(last["note"] or "") if last is not None else "",
        _playlist_link(last),
        picks,
        new,
        gone,
        strip(playlists, feedback[feedback["intent"] == intent], until=night or place.today),
    )


def strip(playlists: pd.DataFrame, feedback: pd.DataFrame, *, until: dt.date) -> list[Day]:
    """What became of each list of the last 30 days.

    Args:
        playlists: Rows of `playlists` of one intent.
        feedback: Rows of `feedback` of the same.
        until: The last day.
    """
    shown = playlists[playlists["outcome"].isin(SURELY_SHOWN)].set_index("night")["track_keys"]
    days = []
    for age in range(STRIP_DAYS - 1, -1, -1):
        day = until - dt.timedelta(days=age)
        reactions = feedback[feedback["night"] == day]
        welcome = _tracks(reactions, ("played", "saved", "thumbs_up"))
        unwelcome = _tracks(reactions, ("removed", "skipped", "thumbs_down", "blocked"))
        listed = shown.get(day)
        count = 0 if listed is None else len(listed)
        days.append(Day(day, count, len(welcome), len(unwelcome - welcome)))
    return days


def _tracks(reactions: pd.DataFrame, wanted: Sequence[str]) -> set[str]:
    return set(reactions.loc[reactions["reaction"].isin(wanted), "track_key"])


def _chosen(lake: Lake, listener: str, night: dt.date | None, intent: str) -> pd.DataFrame:
    columns = ["intent", "track_key", "artist", "title", "reason", "slot", "score", "position"]
    where = {"listener": listener, "night": str(night)}
    rows = lake.frame(RECOMMENDATIONS, columns=columns, where=where)
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()]
    return rows.sort_values("position")


def _feedback(lake: Lake, listener: str) -> pd.DataFrame:
    columns = ["night", "intent", "track_key", "reaction"]
    return lake.frame(FEEDBACK, columns=columns, where={"listener": listener})


def _uris(entry: pd.DataFrame) -> dict[str, str]:
    """What was written, by track key."""
    if entry.empty:
        return {}
    last = entry.iloc[-1]
    return dict(zip(last["track_keys"], last["uris"], strict=False))


def _link(uri: str) -> str:
    kind, _, spotify_id = uri.removeprefix("spotify:").partition(":")
    return f"https://open.spotify.com/{kind}/{spotify_id}" if spotify_id else ""


def _playlist_link(entry: "pd.Series | None") -> str:
    if entry is None or not isinstance(entry["playlist_id"], str):
        return ""
    return f"https://open.spotify.com/playlist/{entry['playlist_id']}"


def _difference(
    lake: Lake,
    listener: str,
    intent: str,
    playlists: pd.DataFrame,
    night: dt.date | None,
    picks: Sequence[Pick],
) -> tuple[list[str], list[str]]:
    """What came and what went since the list before."""
    shown = playlists[playlists["outcome"].isin(SURELY_SHOWN)]
    before = shown[shown["night"] < night] if night else shown.iloc[:0]
    if before.empty:
        return [], []
    last = before.iloc[-1]
    earlier = _chosen(lake, listener, last["night"], intent)
    names = {
        row["track_key"]: f"{row['artist']} – {row['title']}" for row in earlier.to_dict("records")
    }
    old, now = list(last["track_keys"]), {pick.track_key for pick in picks}
    new = [f"{p.artist} – {p.title}" for p in picks if p.track_key not in set(old)]
    return new, [names.get(key, key) for key in old if key not in now]
