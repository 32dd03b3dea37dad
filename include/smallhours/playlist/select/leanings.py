"""More and less of some artists, tags and eras, as the listener asked: it moves tracks' relevance.

Each thing of which there is to be more lifts its tracks by half of what a dial at its end does, and
each of which there is to be less lowers them as much. What several concern is moved by each.
"""

from collections.abc import Callable, Set

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.listening.edits import Edits
from smallhours.playlist.select.picking import REACH
from smallhours.vocabulary import EditKind, EditSubject

Floats = npt.NDArray[np.float64]
STEP = REACH / 2


def leanings(
    tracks: pd.Index,
    edits: Edits,
    *,
    released: "pd.Series[str]",
    tagged: Callable[[str], Set[str]],
    name_of: Callable[[str], str],
) -> Floats:
    """Return how far each track's relevance is moved, (n,).

    Args:
        tracks: Track keys.
        edits: What the listener corrected.
        released: When each track came out, `YYYY` or more, by track key; null where unknown.
        tagged: The names of a track's tags.
        name_of: What a tag is called.
    """
    moved = np.zeros(len(tracks))
    for kind, step in ((EditKind.MORE, STEP), (EditKind.LESS, -STEP)):
        artists = edits.values(kind, EditSubject.ARTIST)
        tags = {name_of(tag) or tag for tag in edits.values(kind, EditSubject.TAG)}
        eras = edits.values(kind, EditSubject.ERA)
        if artists:
            moved += step * np.array([artist_key_in(key) in artists for key in tracks], float)
        if tags:
            moved += step * np.array([bool(tags & tagged(key)) for key in tracks], float)
        if eras:
            decades = released.reindex(tracks).str.slice(0, 3) + "0s"
            moved += step * decades.isin(eras).to_numpy(float)
    return moved
