"""The intents `tags` and `mood`: tracks that have certain tags, or sound a certain way."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm

from smallhours.catalog.features import most_reliable
from smallhours.playlist.explain import wording
from smallhours.playlist.explain.reasons import SOUND, TAGS
from smallhours.playlist.explain.track_evidence import FeatureValue, IntentEvidence, track_features
from smallhours.playlist.intents.context import IntentContext, IntentScores, percentile
from smallhours.playlist_settings import MoodIntent, TagsIntent
from smallhours.vocabulary import Provenance


def tagged(intent: TagsIntent, context: IntentContext) -> IntentScores:
    """Score tracks by the share that the asked tags have in their own or their artist's tags."""
    tracks, space = context.tracks, context.space
    wanted = list(dict.fromkeys(context.name_of(tag) or tag.casefold() for tag in intent.tags))
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
                found[key] = IntentEvidence(TAGS, f"tagged {wording.listed(names[:3])}", names)
        return found

    fits = percentile(pd.Series(share, index=tracks))
    missing = [tag for tag in wanted if tag not in space.tags]
    missing_data = f"tracks tagged {wording.listed(missing)}" if missing else ""
    return IntentScores(why, fits, 0.4, None, intent_evidence, missing_data)


# Half the width of a normal distribution's 80 % interval, in standard deviations.
SIGMAS_OF_80 = 1.2816


def mood(intent: MoodIntent, context: IntentContext) -> IntentScores:
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
        likely = norm.cdf((high - value) / sigma) - norm.cdf((low - value) / sigma)
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
            found[key] = IntentEvidence(
                SOUND, wording.listed([text for _, text in described]), words
            )
        return found

    unknown = int((~heard).sum())
    missing_data = f"how {unknown:,} of {len(tracks):,} tracks sound" if unknown else ""
    return IntentScores(why, fits, 0.5, None, intent_evidence, missing_data)


def _describe(feature: FeatureValue) -> tuple[str, str]:
    """Return the word for a feature, if any, and the text about it."""
    word = wording.word_for(feature)
    if word is None:
        return "", wording.measure(feature)
    return word[0], f"{word[0]} ({wording.measure(feature)})"
