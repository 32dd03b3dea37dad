"""The type of a stage's summary: a few counts for people to read."""

from collections.abc import Sequence
from typing import Any

Summary = dict[str, Any]


def join_summaries(summaries: Sequence[Summary]) -> Summary:
    """Return the summaries of several sources as one; numbers of one name add up.

    What was skipped is told only where all were.
    """
    done = [each for each in summaries if "skipped" not in each] or list(summaries)
    whole: Summary = {}
    for name, value in (pair for each in done for pair in each.items()):
        before = whole.get(name)
        if isinstance(value, int) and isinstance(before, int):
            whole[name] = before + value
        else:
            whole[name] = value if before in (None, value) else f"{before}; {value}"
    return whole


# Why a stage that needs a service is skipped for a listener without an account there.
NO_LASTFM = "no Last.fm account in the settings"
NO_LISTENBRAINZ = "no ListenBrainz account in the settings"
NO_SPOTIFY = "no Spotify account in the settings"
