"""The stage that writes `profile`: tags, listening hours, artists, taste centres, audio features.

Pure functions from plays, tags and audio features to the rows of a small table that is made again
each night: a page that had to count 90,000 plays would be too slow.
"""

import datetime as dt
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.features import most_reliable
from smallhours.catalog.normalisation import WeightedTag, back_off
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PROFILE
from smallhours.lake.store import Lake, among
from smallhours.lake.tables import AUDIO_FEATURES, PREDICTED_FEATURES, TRACKS
from smallhours.listening.edits import own_plays
from smallhours.listening.plays import counted_once, heard
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import load_tags

COLUMNS = ["kind", "period", "name", "value", "n"]

TAG = "tag"
CLOCK = "clock"
ARTIST = "artist"
TRACK = "track"
ERA = "era"
CENTRE = "centre"
FEATURE = "feature"

# Tags that are stored, of the whole history and of the last 90 days each; the rest is a long tail.
MAX_TAGS = 12
MAX_ARTISTS = 25
MAX_TRACKS = 10
RECENT = dt.timedelta(days=90)
RECENT_NAME, BEFORE_NAME = "last 90 days", "the 90 days before"
CENTRES = 5
# With fewer tracks per centre, centres would be noise.
TRACKS_PER_CENTRE = 10
CENTRE_TAGS = 3
BINS = 20
OWN, CATALOG = "you", "catalog"
SAMPLED_TRACKS = 20_000

TagsOf = Mapping[str, Sequence[WeightedTag]]
Votes = dict[str, float]


def tag_rows(
    plays: pd.DataFrame, tags_of: TagsOf, *, as_of: dt.datetime, zone: ZoneInfo
) -> pd.DataFrame:
    """Return each strong tag's share of the plays: by year, and of the last 90 days.

    A play spreads one vote over its track's tags, by their weights.

    Args:
        plays: `played_at` (UTC), `track_key`.
        tags_of: Tags with weights, by track key.
        as_of: The end of the history.
        zone: The listener's time zone.
    """
    years = plays["played_at"].dt.tz_convert(zone).dt.strftime("%Y")
    periods = years.where(plays["played_at"] < as_of - RECENT, years + "*")
    votes: dict[str, Votes] = {}
    pairs = pd.DataFrame({"period": periods, "key": plays["track_key"]}).value_counts(sort=False)
    counts = pairs.rename("times").reset_index()
    for period, key, times in counts.itertuples(index=False):
        found = tags_of.get(key, ())
        total = sum(each.weight for each in found)
        for each in found:
            for name in _periods_of(period):
                own = votes.setdefault(name, defaultdict(float))
                own[each.tag] += times * each.weight / total
    return _shares(votes)


def _periods_of(period: str) -> tuple[str, ...]:
    year = period.removesuffix("*")
    return (year,) if year == period else (year, RECENT_NAME)


def _shares(votes: Mapping[str, Votes]) -> pd.DataFrame:
    ever: Votes = defaultdict(float)
    for period, found in votes.items():
        if period != RECENT_NAME:
            for tag, value in found.items():
                ever[tag] += value
    told = _strongest(ever) | _strongest(votes.get(RECENT_NAME, {}))
    rows = []
    for period, found in sorted(votes.items()):
        total = sum(found.values())
        rows += [
            (TAG, period, tag, found[tag] / total, round(total))
            for tag in sorted(told)
            if tag in found
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _strongest(found: Mapping[str, float]) -> set[str]:
    return set(sorted(found, key=lambda tag: (-found[tag], tag))[:MAX_TAGS])


def clock_rows(plays: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Return how the plays spread over the hours of the week, in the listener's time zone.

    `name` is weekday (0 is Monday) and hour, as `6-09`.
    """
    local = plays["played_at"].dt.tz_convert(zone)
    hours = local.dt.strftime("%u-%H").map(lambda each: f"{int(each[0]) - 1}{each[1:]}")
    counts = hours.value_counts().sort_index()
    return _frame(CLOCK, "", counts / max(len(plays), 1), counts)


def artist_rows(plays: pd.DataFrame, *, as_of: dt.datetime) -> pd.DataFrame:
    """Count plays of the most played artists of the last 90 days and of the 90 before.

    Args:
        plays: `played_at`, `artist`.
        as_of: The end of the history.
    """
    age = as_of - plays["played_at"]
    parts = []
    lately = {RECENT_NAME: age <= RECENT, BEFORE_NAME: (age > RECENT) & (age <= 2 * RECENT)}
    counts = {name: plays.loc[mask, "artist"].value_counts() for name, mask in lately.items()}
    told = {
        artist
        for found in counts.values()
        for artist in found.sort_index()
        .sort_values(ascending=False, kind="stable")
        .head(MAX_ARTISTS)
        .index
    }
    for period, found in counts.items():
        named = found.reindex(sorted(told)).fillna(0).astype(int)
        parts.append(_frame(ARTIST, period, named.astype(float), named))
    return pd.concat(parts, ignore_index=True)


def favourite_rows(plays: pd.DataFrame, *, as_of: dt.datetime) -> pd.DataFrame:
    """Count plays of the most played artists of all years, and tracks of all and of 90 days.

    Args:
        plays: `played_at`, `artist`, `title`.
        as_of: The end of the history.
    """
    named = plays["artist"] + " – " + plays["title"]
    recent = as_of - plays["played_at"] <= RECENT
    told = (
        (ARTIST, "", plays["artist"], MAX_ARTISTS),
        (TRACK, "", named, MAX_TRACKS),
        (TRACK, RECENT_NAME, named[recent], MAX_TRACKS),
    )
    parts = []
    for kind, period, names, most in told:
        counts = names.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        parts.append(_frame(kind, period, counts.head(most).astype(float), counts.head(most)))
    return pd.concat(parts, ignore_index=True)


def era_rows(played: pd.Series, released: pd.Series) -> pd.DataFrame:
    """Return the share of the plays that each decade's releases have, of those with a date.

    Args:
        played: Number of plays by track key.
        released: `YYYY`, `YYYY-MM` or `YYYY-MM-DD` by track key, null where unknown.
    """
    years = released.reindex(played.index).astype("string").str.extract(r"^([12]\d{2})\d")[0]
    counts = played.groupby(years + "0s").sum()
    return _frame(ERA, "", counts / max(int(counts.sum()), 1), counts)


def centre_rows(plays: pd.DataFrame, tags_of: TagsOf, *, seed: int) -> pd.DataFrame:
    """Find the few centres that the listener's tracks gather around, named by their typical tags.

    Spherical k-means of the tracks' tags, each track weighted by the log of its plays.

    Args:
        plays: `track_key`.
        tags_of: Tags with weights, by track key.
        seed: Seed of the k-means.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    counts = plays["track_key"].value_counts().sort_index()
    counts = counts[[key for key in counts.index if tags_of.get(key)]]
    k = min(CENTRES, len(counts) // TRACKS_PER_CENTRE)
    if k < 1:
        return pd.DataFrame(columns=COLUMNS)
    of_track = [(key, each.tag, each.weight) for key in counts.index for each in tags_of[key]]
    space = TagVectors.of_weights(pd.DataFrame(of_track, columns=["track_key", "tag", "weight"]))
    weights = np.log1p(counts.to_numpy(dtype=float))
    with warnings.catch_warnings():
        # Tracks that share their artist's tags are one point: there may be fewer centres than k.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(k, n_init=3, random_state=seed).fit(space.vectors, sample_weight=weights)
    everywhere = np.average(
        found.cluster_centers_, axis=0, weights=_mass(found.labels_, weights, k)
    )
    rows = []
    for at, mass in enumerate(_mass(found.labels_, weights, k)):
        if mass == 0:
            continue
        telling = np.argsort(everywhere - found.cluster_centers_[at], kind="stable")
        name = ", ".join(space.tags[telling[:CENTRE_TAGS]])
        rows.append((CENTRE, "", name, mass, int((found.labels_ == at).sum())))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.drop_duplicates("name").sort_values("value", ascending=False, ignore_index=True)


def _mass(labels: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    mass: np.ndarray = np.bincount(labels, weights=weights, minlength=k) / weights.sum()
    return mass


def feature_rows(own: pd.DataFrame, catalog: pd.DataFrame, played: pd.Series) -> pd.DataFrame:
    """Return the histogram of each audio feature over the listener's plays and over the catalog.

    `name` is the feature and the lower end of a bin, as `energy:0.35`; the bins are 0.05 wide.

    Args:
        own: `track_key`, `feature`, `value` (0-1) of the tracks that were played, one row for each
            track and feature.
        catalog: The same of the catalog's tracks.
        played: Number of plays by track key.
    """
    parts = []
    for name in PREDICTED_FEATURES:
        for period, features in ((OWN, own), (CATALOG, catalog)):
            rows = features[features["feature"] == name]
            bins = (rows["value"].clip(0, 1) * BINS).astype(int).clip(upper=BINS - 1)
            mass = rows["track_key"].map(played).fillna(0) if period == OWN else None
            total = np.bincount(bins, weights=mass, minlength=BINS).astype(float)
            if total.sum() > 0:
                names = [f"{name}:{at / BINS:.2f}" for at in range(BINS)]
                shares = pd.Series(total / total.sum(), index=names)
                parts.append(_frame(FEATURE, period, shares, pd.Series(total, index=names)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _frame(kind: str, period: str, values: pd.Series, counts: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": kind,
            "period": period,
            "name": values.index.astype(str),
            "value": values.to_numpy(dtype=float),
            "n": counts.round().astype("int64").to_numpy(),
        }
    )


def describe_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Describe what the listener plays, for the pages: `profile`.

    Without plays nothing is written, and `skipped` says so.
    """
    plays = own_plays(lake, listener, ["played_at", "artist", "title", "track_key", "ms_played"])
    plays = plays[heard(plays) & (plays["played_at"] < night.as_of)]
    plays = plays[counted_once(plays)]
    if plays.empty:
        return {"skipped": "no plays yet"}
    keys = set(plays["track_key"])
    tags = load_tags(lake, keys, normalised=True)
    tags_of = {
        key: back_off(tags.own.get(key, {}), tags.artist.get(artist_key_in(key), {}))
        for key in sorted(keys)
    }
    zone = ZoneInfo(settings.listener(listener).timezone)
    year = plays[plays["played_at"] >= night.as_of - 4 * RECENT]
    rows = pd.concat(
        [
            tag_rows(plays, tags_of, as_of=night.as_of, zone=zone),
            clock_rows(year, zone),
            artist_rows(plays, as_of=night.as_of),
            favourite_rows(plays, as_of=night.as_of),
            era_rows(plays["track_key"].value_counts(), _released(lake, keys)),
            centre_rows(plays, tags_of, seed=night.seed(listener, "centres") % 2**32),
            feature_rows(
                _features(lake, among("track_key", keys)),
                sampled_features(lake),
                plays["track_key"].value_counts(),
            ),
        ],
        ignore_index=True,
    )
    lake.replace(PROFILE, rows, partition={"listener": listener})
    told = rows[rows["kind"] == CENTRE]
    return {
        "plays": len(plays),
        "tracks": len(keys),
        "tracks_with_tags": sum(bool(found) for found in tags_of.values()),
        "centres": "; ".join(told["name"]),
    }


def _released(lake: Lake, keys: Iterable[str]) -> pd.Series:
    """Return when some tracks came out, by their keys."""
    ours = among("track_key", keys)
    rows = lake.frame(TRACKS, columns=["track_key", "released"], filters=ours)
    return rows.drop_duplicates("track_key").set_index("track_key")["released"]


def _features(
    lake: Lake, filters: pc.Expression, where: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return one value of each 0-1 feature for some tracks: measured, or else predicted."""
    columns = ["track_key", "source", "feature", "value"]
    told = filters & among("feature", PREDICTED_FEATURES)
    return most_reliable(lake.frame(AUDIO_FEATURES, columns=columns, where=where, filters=told))


def sampled_features(lake: Lake) -> pd.DataFrame:
    """Return the features of the catalog, of a large one's first partitions with enough tracks.

    A partition has artists by a hash of their names. With 20,000 tracks a share of .05 is .0015
    off (one standard error).
    """
    found: list[pd.DataFrame] = []
    tracks = 0
    for partition in lake.partitions(AUDIO_FEATURES):
        found.append(_features(lake, pc.scalar(True), partition))
        tracks += found[-1]["track_key"].nunique()
        if tracks >= SAMPLED_TRACKS:
            break
    return pd.concat(found) if found else _features(lake, pc.scalar(False))
