"""The type of a stage's summary: a few counts for people to read."""

from typing import Any

Summary = dict[str, Any]

# Why a stage that needs Spotify is skipped for a listener without an account.
NO_SPOTIFY = "no Spotify account in the settings"
