"""The type of a stage's summary: a few counts for people to read."""

from typing import Any

Summary = dict[str, Any]

# Why a stage that needs a service is skipped for a listener without an account there.
NO_LASTFM = "no Last.fm account in the settings"
NO_LISTENBRAINZ = "no ListenBrainz account in the settings"
NO_SPOTIFY = "no Spotify account in the settings"
