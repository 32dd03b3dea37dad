"""Last.fm's rule for API keys from 1 December 2026 on, and what it means for one key.

From that day a key is said to work only while its owner pays for Last.fm Pro. Several projects that
use Last.fm announced it in November 2026. Last.fm's own words were not seen, so everything here
says "as reported".
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from smallhours.services.lastfm_replies import UserInfo

PRO_ONLY_FROM: Final = dt.date(2026, 12, 1)
# Said wherever a key is refused, before that day and after it.
REFUSED_KEY: Final = (
    "From 1 December 2026 on, as reported, a key works only while its owner pays for Last.fm Pro: "
    "if that is the reason, pay for it, or go on without Last.fm. For that, import your history at "
    "ListenBrainz, or here from a file (`smallhours import-history`), and connect Spotify with "
    "ListenBrainz, so that your plays are recorded from now on."
)
_BEFORE: Final = (
    "From 1 December 2026 on, as reported, Last.fm refuses the keys of those who don't."
)
_AFTER: Final = "Since 1 December 2026, as reported, Last.fm refuses the keys of those who don't."
_REMEDY: Final = (
    "Run `smallhours rescue` while the key works: it reads your history, and the tags and "
    "neighbours that matter most. Then let ListenBrainz, which is free, record what you play "
    "(docs/operations.md). Or pay for Last.fm Pro; if another account made the key, it is that "
    "account that has to pay."
)


@dataclass(frozen=True, slots=True)
class KeyOutlook:
    """How long a key may be expected to work.

    Attributes:
        lasting: Whether nothing is known that would end it.
        what: What is known, in a sentence or two.
        remedy: What to do; empty when there is nothing to do.
    """

    lasting: bool
    what: str
    remedy: str = ""


def key_outlook(user: UserInfo, *, today: dt.date) -> KeyOutlook:
    """Return what the rule means for the key of a user, which has just worked.

    Args:
        user: What Last.fm tells of the listener.
        today: The date.
    """
    if user.subscriber:
        return KeyOutlook(True, f"{user.name} pays for Last.fm Pro, so the key goes on working.")
    said = (
        f"Last.fm doesn't say whether {user.name} pays for Last.fm Pro."
        if user.subscriber is None
        else f"{user.name} doesn't pay for Last.fm Pro."
    )
    if today < PRO_ONLY_FROM:
        return KeyOutlook(False, f"{said} {_BEFORE}", _REMEDY)
    return KeyOutlook(False, f"{said} {_AFTER} This key still works.", _REMEDY)
