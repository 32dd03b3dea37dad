"""The intent `tags`: tracks that have certain tags."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.playlist.explain import wording
from smallhours.playlist.explain.reason_clauses import TAGS
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.intents.context import IntentContext, IntentScores, percentile
from smallhours.playlist_settings import TagsIntent


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
