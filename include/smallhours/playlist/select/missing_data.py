"""Notes on missing data that would make tonight's lists better.

A list for a listener with ten plays rests on little data, and its summary says so.
"""

from collections.abc import Iterator, Sequence

from smallhours.playlist.rank.listener_context import ListenerContext
from smallhours.playlist.select.calibration import PRIOR_PLAYS
from smallhours.playlist.select.nightly_list import NightlyList

# With fewer plays, a taste model has little to learn from.
MIN_PLAYS_FOR_TASTE = 100
MAX_UNTAGGED_SHARE = 0.5


def missing_data(lists: Sequence[NightlyList], listener_context: ListenerContext) -> Iterator[str]:
    """Yield what is missing, each with its consequence.

    Args:
        lists: The night's lists, the main one first.
        listener_context: What is known.
    """
    evidence = listener_context.evidence
    plays = len(evidence.plays)
    if plays < MIN_PLAYS_FOR_TASTE:
        yield f"plays ({plays:,} so far; from {MIN_PLAYS_FOR_TASTE} on the picks get personal)"
    if listener_context.taste is None:
        yield "a taste model (train_models makes one; until then neighbours and tags decide)"
    recent = int(evidence.recent_plays(listener_context.night).sum())
    if recent < PRIOR_PLAYS:
        yield f"plays of the last 90 days ({recent:,}; the mix follows older ones, too)"
    tagged = listener_context.space.tracks.intersection(evidence.tracks.index)
    untagged = len(evidence.tracks) - len(tagged)
    if untagged > MAX_UNTAGGED_SHARE * len(evidence.tracks):
        yield f"tags of {untagged:,} of {len(evidence.tracks):,} tracks (refresh_catalog asks on)"
    main = lists[0]
    if not listener_context.features["track_key"].isin(list(main.draft.slots)).any():
        yield "audio features of the chosen tracks (they are in the order of their rank)"
    if not main.playlist_settings.explicit:
        unknown = int(evidence.tracks["explicit"].isna().sum())
        yield f"whether {unknown:,} tracks are explicit (Spotify says it when they are looked up)"
    if len(main.draft.slots) < main.playlist_settings.size:
        yield f"{main.playlist_settings.size - len(main.draft.slots)} tracks that may come and fit"
    for each in lists:
        if each.purpose is not None and each.purpose.missing_data:
            yield f"for {each.intent}: {each.purpose.missing_data}"
