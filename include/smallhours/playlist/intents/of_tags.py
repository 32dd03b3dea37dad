"""The intent `tags`: tracks that have certain tags."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.playlist import wording
from smallhours.playlist.claims import TAGS
from smallhours.playlist.grounds import Special
from smallhours.playlist.intents.scene import Purpose, Scene, percentile
from smallhours.wishes import OfTags


def of_tags(intent: OfTags, scene: Scene) -> Purpose:
    """Score tracks by the share that the asked tags have in their own or their artist's tags."""
    tracks, space = scene.tracks, scene.space
    wanted = list(dict.fromkeys(scene.name_of(tag) or tag.casefold() for tag in intent.tags))
    places = [int(place) for place in space.tags.get_indexer(pd.Index(wanted)) if place >= 0]
    share = np.asarray(space.rows(tracks)[:, places].sum(axis=1)).ravel()
    why = scene.serves()
    why[share <= 0] = "none of these tags"

    def special(chosen: pd.Index) -> Mapping[str, Special]:
        found = {}
        for key, row in zip(chosen, space.rows(chosen)[:, places], strict=True):
            order = sorted(zip(-row.data, row.indices, strict=True))
            names = tuple(str(space.tags[places[place]]) for _, place in order)
            if names:
                found[key] = Special(TAGS, f"tagged {wording.listed(names[:3])}", names)
        return found

    fits = percentile(pd.Series(share, index=tracks))
    missing = [tag for tag in wanted if tag not in space.tags]
    lacking = f"tracks tagged {wording.listed(missing)}" if missing else ""
    return Purpose(why, fits, 0.4, None, special, lacking)
