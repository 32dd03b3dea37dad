"""Notes on missing data that would make tonight's lists better.

A list for a listener with ten plays rests on little data, and its summary says so.
"""

from collections.abc import Iterator, Sequence

from smallhours.playlist.listing import Listing
from smallhours.playlist.rerank.calibration import PLAYS_OF_OLD
from smallhours.playlist.scoring import Listening

# With fewer plays, a taste model has little to learn from.
PLAYS_FOR_A_TASTE = 100
MOST_UNTAGGED = 0.5


def what_is_missing(lists: Sequence[Listing], listening: Listening) -> Iterator[str]:
    """Yield what is missing, each with its consequence.

    Args:
        lists: The night's lists, the main one first.
        listening: What is known.
    """
    evidence = listening.evidence
    plays = len(evidence.plays)
    if plays < PLAYS_FOR_A_TASTE:
        yield f"plays ({plays:,} so far; from {PLAYS_FOR_A_TASTE} on the picks get personal)"
    if listening.taste is None:
        yield "a taste model (train_models makes one; until then neighbours and tags decide)"
    recent = int(evidence.recent_plays(listening.night).sum())
    if recent < PLAYS_OF_OLD:
        yield f"plays of the last 90 days ({recent:,}; the mix follows older ones, too)"
    tagged = listening.space.tracks.intersection(evidence.tracks.index)
    untagged = len(evidence.tracks) - len(tagged)
    if untagged > MOST_UNTAGGED * len(evidence.tracks):
        yield f"tags of {untagged:,} of {len(evidence.tracks):,} tracks (refresh_catalog asks on)"
    main = lists[0]
    if not listening.features["track_key"].isin(list(main.draft.slots)).any():
        yield "audio features of the chosen tracks (they are in the order of their rank)"
    if not main.wishes.explicit:
        unknown = int(evidence.tracks["explicit"].isna().sum())
        yield f"whether {unknown:,} tracks are explicit (Spotify says it when they are looked up)"
    if len(main.draft.slots) < main.wishes.size:
        yield f"{main.wishes.size - len(main.draft.slots)} tracks that may come and fit"
    for each in lists:
        if each.purpose is not None and each.purpose.lacking:
            yield f"for {each.intent}: {each.purpose.lacking}"
