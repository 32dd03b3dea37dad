"""Explanation of one track of one night: why it is in the list, or why not and by how much.

It reads what the night recorded: `recommendations` keeps every candidate that came close, with its
scores and its fate.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in, identify, song_key_of
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import CANDIDATES, FEEDBACK, LIBRARY, TRACKS
from smallhours.listening.edits import own_plays
from smallhours.playlist.select.nightly_list import RESERVE
from smallhours.vocabulary import SHOWN, Slot

SEEDS_TOLD = 5
# How alike two keys are, 0-100, of which one may be the other misspelt.
MIN_LIKENESS = 80


@dataclass(frozen=True)
class TrackExplanation:
    """The explanation of one track on one night.

    Attributes:
        track_key: The track that was found.
        name: `artist – title`.
        night: Of which night.
        verdict: In a sentence: chosen, or where and by how much it lost.
        details: Further sentences.
    """

    track_key: str
    name: str
    night: dt.date
    verdict: str
    details: Sequence[str]


def explain_track(
    lake: Lake,
    listener: str,
    artist: str,
    title: str,
    *,
    night: dt.date | None,
    intent: str,
    zone: ZoneInfo,
) -> TrackExplanation:
    """Explain one track of one night.

    Args:
        lake: The lake.
        listener: Whose list.
        artist: As the person writes it.
        title: Likewise; any version of the song is found if this one is not.
        night: Of which night; None for the newest that has a list.
        intent: Which of the listener's playlists.
        zone: The listener's time zone.

    Raises:
        NotEnoughData: no list was chosen for that night.
    """
    night = night or newest_night(lake, listener)
    where = {"listener": listener, "night": str(night)}
    rows = lake.frame(RECOMMENDATIONS, where=where)
    if night is None or rows.empty:
        raise NotEnoughData(
            f"No list was chosen for {night or 'any night'}.",
            remedy="`smallhours history` shows the nights that have one.",
        )
    asked = identify(artist, title).track_key
    mine = rows[rows["intent"] == intent].set_index("track_key")
    found = _found(mine, asked)
    if found is None:
        details = _standing(lake, listener, asked, zone)
        return _never_considered(lake, listener, asked, f"{artist} – {title}", night, known=details)
    row = mine.loc[[found]].iloc[0]
    name = f"{row['artist']} – {row['title']}"
    verdict = _verdict(row, mine)
    return TrackExplanation(
        found, name, night, verdict, [*_scores(row), *_later(lake, listener, found)]
    )


def nights_of(lake: Lake, listener: str) -> list[dt.date]:
    """Return the nights that have a list, newest first."""
    parts = lake.partitions(RECOMMENDATIONS)
    mine = (part["night"] for part in parts if part["listener"] == listener)
    return sorted((dt.date.fromisoformat(night) for night in mine), reverse=True)


def newest_night(lake: Lake, listener: str) -> dt.date | None:
    """Return the newest night that has a list; None before the first."""
    return next(iter(nights_of(lake, listener)), None)


def _found(rows: pd.DataFrame, asked: str) -> str | None:
    """Return the track if it is among the rows, else the best ranked version of the same song."""
    if asked in rows.index:
        return asked
    song = song_key_of(asked)
    versions = [str(key) for key in rows.sort_values("rank").index if song_key_of(str(key)) == song]
    return versions[0] if versions else None


def _verdict(row: pd.Series, rows: pd.DataFrame) -> str:
    if pd.isna(row["rank"]):
        return f"It could not be chosen: {row['why_not']}. {_margin(row, rows)}".strip()
    standing = f"rank {int(row['rank']):,} of {int(rows['rank'].max()):,} that came close"
    if pd.notna(row["position"]):
        explored = row["slot"] == Slot.EXPLORE
        how = f"a discovery, drawn from {standing}" if explored else standing
        return f"It was chosen, as number {int(row['position'])}: {how}. {row['reason']}".strip()
    if row["why_not"] == RESERVE:
        return f"It stood in reserve ({standing}), for a track that Spotify might not have."
    return f"It was left out: {_in_words(str(row['why_not']))} ({standing}). {_margin(row, rows)}"


def _in_words(why_not: str) -> str:
    return why_not or "others were better"


def _margin(row: pd.Series, rows: pd.DataFrame) -> str:
    """Return a sentence on how far the track was from the last one chosen by score."""
    chosen = rows[rows["position"].notna() & (rows["slot"] != Slot.EXPLORE)]
    if chosen.empty:
        return ""
    last = chosen["score"].min()
    gap = float(last - row["score"])
    if gap <= 0:
        enough = f"Its score, {row['score']:.3f}, would have been enough"
        return f"{enough}; the last that made it had {last:.3f}."
    return f"Its score was {row['score']:.3f}, {gap:.3f} below the last that made it."


def _scores(row: pd.Series) -> list[str]:
    signals = [
        f"P(like) {row['p_like']:.2f}" if pd.notna(row["p_like"]) else "no taste model yet",
        f"agreement of your seeds {row['consensus']:.2f}",
        f"closeness to your tags {row['tag_affinity']:.2f}",
        f"better known than {row['popularity']:.0%} of the candidates",
    ]
    details = [f"Its signals: {'; '.join(signals)}."]
    if row["added"] is not None and len(row["added"]):
        parts = ", ".join(text.replace("_", " ") for text in row["added"])
        details.append(f"Its score of {row['score']:.3f} is made of: {parts}.")
    seeds = list(row["seeds"])[:SEEDS_TOLD]
    if seeds:
        details.append(f"What led to it: {'; '.join(seeds)}.")
    return details


def _later(lake: Lake, listener: str, key: str) -> list[str]:
    """Return sentences on the lists that it was in, and the listener's reactions."""
    where = {"listener": listener}
    ledger = lake.frame(PLAYLISTS, columns=["night", "outcome", "track_keys"], where=where)
    shown = ledger[ledger["outcome"].isin(SHOWN)]
    nights = sorted(
        {
            str(n)
            for n, keys in zip(shown["night"], shown["track_keys"], strict=True)
            if key in list(keys)
        }
    )
    details = [f"It stood in the list of {', '.join(nights)}."] if nights else []
    feedback = lake.frame(FEEDBACK, columns=["track_key", "night", "reaction"], where=where)
    mine = feedback[feedback["track_key"] == key].sort_values(["night", "reaction"])
    parts = [
        f"{reaction.replace('_', ' ')} ({night})"
        for night, reaction in zip(mine["night"], mine["reaction"], strict=True)
    ]
    return [*details, f"How it was received: {', '.join(parts)}."] if parts else details


def _never_considered(
    lake: Lake, listener: str, asked: str, name: str, night: dt.date, *, known: Sequence[str]
) -> TrackExplanation:
    """Return the explanation of a track that no list considered: the stage at which it was lost."""
    details = [*known, *_later(lake, listener, asked)]
    candidates = lake.frame(
        CANDIDATES, columns=["track_key", "route", "seed_key"], where={"listener": listener}
    )
    mine = candidates[candidates["track_key"] == asked]
    if len(mine):
        routes = ", ".join(sorted(set(mine["route"])))
        verdict = f"It was a candidate (by {routes}), but ranked below all that were recorded."
        details.append(f"What led to it: {'; '.join(mine['seed_key'].head(SEEDS_TOLD))}.")
    elif _catalogued(lake, asked):
        verdict = "It is in the catalog, but nothing that you play led to it: it was no candidate."
    else:
        verdict = (
            "It was never heard of: no service named it beside what you play, and you never "
            "played it."
        )
        details += _like_named(lake, asked)
    return TrackExplanation(asked, name, night, verdict, details)


def _like_named(lake: Lake, asked: str) -> list[str]:
    """Return a question about the track whose name is nearly the one that was asked for."""
    from rapidfuzz import fuzz, process

    tracks = lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    keys = tracks["track_key"].tolist()
    near = process.extractOne(asked, keys, scorer=fuzz.ratio, score_cutoff=MIN_LIKENESS)
    if near is None:
        return []
    row = tracks.iloc[near[2]]
    return [f"Did you mean {row['artist']} – {row['title']}?"]


def _catalogued(lake: Lake, key: str) -> bool:
    prefix = prefix_of(artist_key_in(key))
    return key in set(
        lake.frame(TRACKS, columns=["track_key"], where={"prefix": prefix})["track_key"]
    )


def _standing(lake: Lake, listener: str, key: str, zone: ZoneInfo) -> list[str]:
    """Return sentences on how well the listener knows it."""
    where = {"listener": listener}
    plays = own_plays(lake, listener, ["track_key", "played_at"])
    mine = plays[plays["track_key"].map(song_key_of) == song_key_of(key)]
    details = []
    if len(mine):
        last = mine["played_at"].max().tz_convert(zone).date()
        details.append(f"You know it: {len(mine):,} plays, the last on {last}.")
    library = lake.frame(LIBRARY, columns=["track_key", "signal"], where=where)
    signals = sorted(set(library.loc[library["track_key"] == key, "signal"]))
    return [*details, f"In your library: {', '.join(signals)}."] if signals else details
