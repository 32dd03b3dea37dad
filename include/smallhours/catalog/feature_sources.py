"""Requests for audio features, source by source.

Three services can be asked: Spotify by an app that still may, ReccoBeats by Spotify's id, and
AcousticBrainz by MusicBrainz' id. Each is asked about the tracks that it has not answered yet,
the heaviest first, and every answer is stored before the next batch is asked.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.features import store_features
from smallhours.catalog.stored_answers import due_keys
from smallhours.errors import Refused, ServiceError, SourceRefused
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, TRACKS
from smallhours.services.audio_features import (
    MAX_ACOUSTICBRAINZ_IDS,
    MAX_RECCOBEATS_IDS,
    AcousticbrainzClient,
    ReccobeatsClient,
)
from smallhours.services.retry_and_rate_limit import is_of_one_question
from smallhours.services.set_aside import Tally
from smallhours.summary import Summary
from smallhours.vocabulary import Provenance

if TYPE_CHECKING:
    from smallhours.services.spotify import SpotifyClient

LOG = logging.getLogger(__name__)

# A merge for eight calls, which is what a kill repeats; AcousticBrainz takes two for the same ids.
CALLS_PER_MERGE = 8
# An archive that was frozen in 2022 says the same for ever.
NEVER_STALE = 36_500
# At a call a second, two calls for 25 tracks: seven minutes of a night.
MAX_ACOUSTICBRAINZ_TRACKS = 5000
# The file that says since when Spotify refuses; in the lake, beside the tables.
REFUSED = "notes/spotify-audio-features-refused-on.txt"

Ask = Callable[[Sequence[str]], Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class FeatureSource:
    """One service that can be asked.

    Attributes:
        name: As `audio_features.source` has it.
        id_column: The column of `tracks` that holds the ids it knows tracks by.
        ask: The features by id.
        batch: Tracks to a merge.
        fresh_days: After how many days it is asked again.
        most: Tracks a night, at most.
        refuses_all: Whether a refusal is about every track, not about one of a batch.
    """

    name: Provenance
    id_column: str
    ask: Ask
    batch: int
    fresh_days: int
    most: int | None = None
    refuses_all: bool = False


def spotify_source(client: "SpotifyClient", fresh_days: int) -> FeatureSource:
    """Return the source Spotify, for apps from before 2024-11-27."""
    from smallhours.services.spotify import MAX_FEATURE_IDS

    return FeatureSource(
        Provenance.SPOTIFY,
        "spotify_id",
        client.audio_features,
        CALLS_PER_MERGE * MAX_FEATURE_IDS,
        fresh_days,
        refuses_all=True,
    )


def reccobeats_source(client: ReccobeatsClient, fresh_days: int, most: int) -> FeatureSource:
    """Return the source ReccoBeats, asked about so many tracks a night at most."""
    batch = CALLS_PER_MERGE * MAX_RECCOBEATS_IDS
    return FeatureSource(
        Provenance.RECCOBEATS, "spotify_id", client.audio_features, batch, fresh_days, most
    )


def acousticbrainz_source(client: AcousticbrainzClient, most: int) -> FeatureSource:
    """Return the source AcousticBrainz, asked about so many tracks a night at most."""
    return FeatureSource(
        Provenance.ACOUSTICBRAINZ,
        "mbid",
        client.audio_features,
        CALLS_PER_MERGE // 2 * MAX_ACOUSTICBRAINZ_IDS,
        NEVER_STALE,
        min(most, MAX_ACOUSTICBRAINZ_TRACKS),
    )


def fetch_from_source(
    lake: Lake, source: FeatureSource, weights: pd.Series, *, night: dt.date, tally: Tally
) -> Summary:
    """Ask one source about all tracks that it can know and that are due.

    A batch that fails is asked again in halves, until the tracks that it fails for are found.

    Args:
        lake: The lake.
        source: Whom to ask.
        weights: How much each track matters, by track key; others matter nothing.
        night: Tonight.
        tally: Counts the tracks, and knows which of them wait.

    Returns:
        How many tracks were `asked` about and `found`, and how many are `left` for later.

    Raises:
        ServiceError: what was answered before it is kept.
    """
    columns = ["track_key", "artist", "title", source.id_column]
    has_id = pc.field(source.id_column).is_valid()
    known = lake.frame(TRACKS, columns=columns, filters=has_id).dropna().set_index("track_key")
    ids = known[source.id_column]
    stored = lake.frame(
        AUDIO_FEATURES,
        columns=["track_key", "fetched_at"],
        filters=pc.field("source") == source.name,
    )
    answered = stored.groupby("track_key")["fetched_at"].max()
    due = due_keys(
        weights.reindex(ids.index).fillna(0.0), answered, night=night, fresh_days=source.fresh_days
    )
    known = known.loc[due]
    names = "audio features of " + known["artist"] + " – " + known["title"]
    due = [key for key in due if tally.is_due(names[key])]
    asked = due[: source.most]
    found = 0
    batches = [asked[at : at + source.batch] for at in range(0, len(asked), source.batch)][::-1]
    while batches:
        batch = batches.pop()
        try:
            answers = source.ask([ids[key] for key in batch])
        except ServiceError as error:
            refuses_all = source.refuses_all and isinstance(error, Refused)
            if refuses_all or not is_of_one_question(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                batches += [batch[middle:], batch[:middle]]
            elif (ending := tally.fail(error, batch[0], names[batch[0]])) is not None:
                raise ending from None
            continue
        for key in batch:
            tally.answer(names[key])
        by_key = {key: answers[ids[key]] for key in batch if ids[key] in answers}
        found += store_features(lake, batch, by_key, source=source.name, night=night)
    return {"asked": len(asked), "found": found, "left": len(due) - len(asked)}


def fetch_optional(
    lake: Lake, source: FeatureSource, weights: pd.Series, *, night: dt.date, tally: Tally
) -> Summary:
    """Ask an optional source: its failure is reported in the summary, not raised.

    What it did not answer is not noted as missing; it is asked for again on the next night.

    Raises:
        SourceRefused: it refuses whatever it is asked.
    """
    try:
        return fetch_from_source(lake, source, weights, night=night, tally=tally)
    except SourceRefused:
        raise
    except ServiceError as error:
        LOG.warning("no more audio features from %s tonight: %s", source.name, error)
        return {"skipped": str(error)}


def fetch_from_spotify(
    lake: Lake,
    client: "SpotifyClient",
    weights: pd.Series,
    *,
    night: dt.date,
    fresh_days: int,
    tally: Tally,
) -> Summary:
    """Ask Spotify, until it says that this app may not.

    That is said once and remembered in the lake; after `fresh_days` one call finds out whether
    it still holds.

    Raises:
        SourceRefused: Spotify refuses whatever it is asked, which says nothing of audio features.
    """
    since = _refused_on(lake)
    if since is not None and (night - since).days < fresh_days:
        return {"skipped": f"Spotify refused on {since.isoformat()}; this app may not ask"}
    try:
        source = spotify_source(client, fresh_days)
        return fetch_from_source(lake, source, weights, night=night, tally=tally)
    except SourceRefused:
        raise
    except Refused as error:
        if since is None:
            LOG.warning(
                "Spotify gives this app no audio features, so it is not asked any more: %s "
                "Set `legacy_features = false` under [services.spotify]; the other sources stay.",
                error.what,
            )
        lake.files.replace(REFUSED, night.isoformat().encode())
        return {"skipped": error.what}
    except ServiceError as error:
        LOG.warning("no more audio features from Spotify tonight: %s", error)
        return {"skipped": str(error)}


def _refused_on(lake: Lake) -> dt.date | None:
    try:
        return dt.date.fromisoformat(lake.files.read(REFUSED).decode())
    except FileNotFoundError:
        return None
    except ValueError:
        # A damaged note only costs one more call.
        return None
