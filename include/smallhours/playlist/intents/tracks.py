"""Intents about the tracks themselves: when they came out, which tags they have, how they sound.

Release dates are known of tracks that were looked up on Spotify. For the others, the night on which
the catalog first met them is used instead, except for the catalog's first nights, in which every
track is new to it.
"""

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtr

from smallhours.catalog.features import most_reliable
from smallhours.playlist.explain.names_in_words import listed, name_day, name_month
from smallhours.playlist.explain.reasons import NEW, SOUND, TAGS
from smallhours.playlist.explain.track_evidence import (
    FeatureValue,
    IntentEvidence,
    measure,
    track_features,
    word_for,
)
from smallhours.playlist.rank.scores import IntentScores, ListenerContext, percentile
from smallhours.playlist.select.exclusion import RELEASE_UNKNOWN
from smallhours.playlist_settings import MoodIntent, NewReleasesIntent, TagsIntent
from smallhours.vocabulary import Provenance

# Everything is new to a catalog that has only just begun.
CATALOG_SETTLES_DAYS = 7

_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


def new_releases(intent: NewReleasesIntent, context: ListenerContext) -> IntentScores:
    """Score tracks by their age: since release or, if unknown, since they entered the catalog."""
    evidence, tracks = context.evidence, context.evidence.tracks
    night = context.night.date
    out = [latest_of(text) for text in tracks["released"]]
    settled = evidence.catalog_from or night
    settled += dt.timedelta(days=CATALOG_SETTLES_DAYS)
    # Without a release date, the night on which the catalog first met a track is all there is.
    since = [
        date or (seen if seen > settled else None)
        for date, seen in zip(out, tracks["first_seen"], strict=True)
    ]
    age = pd.Series(
        [np.nan if date is None else float((night - date).days) for date in since],
        index=tracks.index,
    )
    why = context.all_eligible()
    why[age > intent.within_days] = "not new"
    why[age < 0] = "not out yet"
    why[age.isna()] = RELEASE_UNKNOWN
    fits = (1 - age / intent.within_days).clip(0.0, 1.0).fillna(0.0)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        rows = tracks.loc[chosen]
        return {
            key: IntentEvidence(NEW, _new(released, seen))
            for key, released, seen in zip(
                chosen, rows["released"], rows["first_seen"], strict=True
            )
        }

    unknown = out.count(None)
    missing_data = f"the release dates of {unknown:,} of {len(tracks):,} tracks" if unknown else ""
    return IntentScores(
        why, fits, 0.3, evidence.history.tracks["weight"], intent_evidence, missing_data
    )


def latest_of(released: object) -> dt.date | None:
    """Return the last day that a release date can mean; None if it is no date.

    >>> str(latest_of("2026")), str(latest_of("2026-02")), latest_of("0000")
    ('2026-12-31', '2026-02-28', None)
    """
    found = _DATE.fullmatch(released) if isinstance(released, str) else None
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        date = dt.date(int(year), int(month or 12), int(day or 1))
        if day is not None:
            return date
        next_month = date.year * 12 + date.month
        return dt.date(next_month // 12, next_month % 12 + 1, 1) - dt.timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _new(released: object, first_seen: dt.date) -> str:
    if latest_of(released) is None:
        return f"new in the catalog on {name_day(first_seen)} (when it came out is not known)"
    written = str(released)
    if len(written) == len("2026-11-02"):
        return f"out since {name_day(dt.date.fromisoformat(written))}"
    if len(written) == len("2026-11"):
        return f"out since {name_month(dt.date.fromisoformat(f'{written}-01'))}"
    return f"from {written}"


def tagged(intent: TagsIntent, context: ListenerContext) -> IntentScores:
    """Score tracks by the share that the asked tags have in their own or their artist's tags."""
    tracks, space = context.tracks, context.space
    wanted = list(
        dict.fromkeys(context.evidence.tags.name(tag) or tag.casefold() for tag in intent.tags)
    )
    places = [int(place) for place in space.tags.get_indexer(pd.Index(wanted)) if place >= 0]
    share = np.asarray(space.rows(tracks)[:, places].sum(axis=1)).ravel()
    why = context.all_eligible()
    why[share <= 0] = "none of these tags"

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        found = {}
        for key, row in zip(chosen, space.rows(chosen)[:, places], strict=True):
            order = sorted(zip(-row.data, row.indices, strict=True))
            names = tuple(str(space.tags[places[place]]) for _, place in order)
            if names:
                found[key] = IntentEvidence(TAGS, f"tagged {listed(names[:3])}", names)
        return found

    fits = percentile(pd.Series(share, index=tracks))
    missing = [tag for tag in wanted if tag not in space.tags]
    missing_data = f"tracks tagged {listed(missing)}" if missing else ""
    return IntentScores(why, fits, 0.4, None, intent_evidence, missing_data)


# Half the width of a normal distribution's 80 % interval, in standard deviations.
SIGMAS_OF_80 = 1.2816


def mood(intent: MoodIntent, context: ListenerContext) -> IntentScores:
    """Score tracks by the probability that they sound as asked.

    A measured feature inside its range counts 1, outside 0. A predicted one counts the
    probability of the range under a normal distribution: for `energy` 0 to 0.4, a prediction of
    0.3 with the 80 % interval 0.2 to 0.4 has sigma 0.1 / 1.2816 = 0.078 and counts 0.90. A
    predicted value that is itself outside the range counts 0. The features of a track are
    multiplied.
    """
    tracks = context.tracks
    known = most_reliable(context.features)
    known = known[known["feature"].isin(set(intent.sound)) & known["track_key"].isin(tracks)]
    ends = known["feature"].map(dict(intent.sound))
    low, high = (np.array([pair[i] for pair in ends], dtype=float) for i in (0, 1))
    value = known["value"].to_numpy(dtype=float)
    half = ((known["high"] - known["low"]) / 2).to_numpy(dtype=float)
    sigma = np.where(
        (known["source"] == Provenance.PREDICTED) & (half > 0), half / SIGMAS_OF_80, np.nan
    )
    inside = (value >= low) & (value <= high)
    with np.errstate(invalid="ignore"):
        likely = ndtr((high - value) / sigma) - ndtr((low - value) / sigma)
    chance = pd.Series(
        np.where(inside, np.where(np.isnan(sigma), 1.0, likely), 0.0),
        index=known["track_key"].to_numpy(),
    )
    heard = chance.groupby(level=0).size().reindex(tracks).fillna(0) == len(intent.sound)
    fits = chance.groupby(level=0).prod().reindex(tracks).fillna(0.0)
    least = chance.groupby(level=0).min().reindex(tracks).fillna(0.0)
    why = context.all_eligible()
    why[least == 0] = "sounds otherwise"
    why[~heard] = "how it sounds is not known"

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        rows = known[known["track_key"].isin(chosen)]
        found = {}
        for key, features in track_features(rows).items():
            described = [_describe(feature) for feature in features]
            words = tuple(word for word, _ in described if word)
            found[key] = IntentEvidence(SOUND, listed([text for _, text in described]), words)
        return found

    unknown = int((~heard).sum())
    missing_data = f"how {unknown:,} of {len(tracks):,} tracks sound" if unknown else ""
    return IntentScores(why, fits, 0.5, None, intent_evidence, missing_data)


def _describe(feature: FeatureValue) -> tuple[str, str]:
    """Return the word for a feature, if any, and the text about it."""
    word = word_for(feature)
    if word is None:
        return "", measure(feature)
    return word[0], f"{word[0]} ({measure(feature)})"
