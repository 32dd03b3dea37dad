"""Credentials that are tried before they are stored, by the calls that begin a night.

A key that is wrong, an account that an app does not list and a server that is not there are found
out while the person who can mend it is present.
"""

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from smallhours.errors import SettingsError
from smallhours.run_context import (
    lastfm_client,
    listenbrainz_client,
    spotify_client,
    subsonic_client,
)
from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)

if TYPE_CHECKING:
    from smallhours.settings import Settings


Credentials = TypeVar("Credentials")


class _Unsaved:
    """Credentials that are not stored yet, as a store of them."""

    def __init__(
        self,
        *,
        lastfm: LastfmCredentials | None = None,
        listenbrainz: ListenBrainzCredentials | None = None,
        spotify: SpotifyCredentials | None = None,
        subsonic: SubsonicCredentials | None = None,
    ) -> None:
        self._lastfm, self._listenbrainz = lastfm, listenbrainz
        self._spotify, self._subsonic = spotify, subsonic

    def lastfm(self, listener: str) -> LastfmCredentials:
        """Return the key that is being tried."""
        return _given(self._lastfm, listener)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        """Return the token that is being tried."""
        return _given(self._listenbrainz, listener)

    def subsonic(self, listener: str) -> SubsonicCredentials:
        """Return the server that is being tried."""
        return _given(self._subsonic, listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return the login that is being tried."""
        return _given(self._spotify, listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Replace the refresh token of the login that is being tried."""
        self._spotify = replace(_given(self._spotify, listener), refresh_token=token)


def _given(tried: "Credentials | None", listener: str) -> "Credentials":
    if tried is None:
        raise LookupError(f"nothing of this kind is being tried for {listener}")
    return tried


def try_lastfm(credentials: LastfmCredentials, settings: "Settings") -> str:
    """Return what Last.fm says about a listener with a key.

    Raises:
        Refused: the key is wrong, or the history is hidden.
    """
    from smallhours.services.lastfm_pro import key_outlook

    name = credentials.listener
    user = settings.listener(name).lastfm
    with lastfm_client(name, settings, _Unsaved(lastfm=credentials)) as client:
        told = client.user_info(user)
        client.recent_tracks(user, limit=1)  # a hidden history is refused here
    outlook = key_outlook(told, today=dt.datetime.now(dt.UTC).date())
    scrobbles = f"The key works: {told.name} has {told.playcount:,} scrobbles."
    return f"{scrobbles}\n{outlook.what} {outlook.remedy}".rstrip()


def try_listenbrainz(credentials: ListenBrainzCredentials, settings: "Settings") -> str:
    """Return what ListenBrainz says about a token.

    Raises:
        Refused: the token is wrong, or another user's.
    """
    from smallhours.services.listenbrainz import check_token

    name = credentials.listener
    with listenbrainz_client(name, settings, _Unsaved(listenbrainz=credentials)) as client:
        return check_token(client, settings.listener(name).listenbrainz)


def try_subsonic(credentials: SubsonicCredentials, settings: "Settings") -> str:
    """Return what a music server calls itself.

    Raises:
        ServiceError: the server is not there, or refuses the login.
    """
    unsaved = _Unsaved(subsonic=credentials)
    with subsonic_client(credentials.listener, settings, unsaved) as client:
        return f"The login works: {client.check_login()}."


def try_spotify(
    credentials: SpotifyCredentials, settings: "Settings"
) -> tuple[SpotifyCredentials, str]:
    """Try a new login to Spotify.

    Returns:
        The credentials, whose refresh token may have been replaced, and the account's name.

    Raises:
        Refused: the account is not on the app's list, or the app's owner has no Premium.
    """
    tried = _Unsaved(spotify=credentials)
    with spotify_client(credentials.listener, settings, tried) as client:
        account = client.me()
        next(iter(client.playlists()), None)
    return tried.spotify(credentials.listener), account.display_name or account.id


def try_notices(address: str) -> None:
    """Send a first notice to an address of Apprise.

    Raises:
        SettingsError: when it is no such address, or does not take the notice.
    """
    import apprise

    services = apprise.Apprise()
    if not services.add(address):
        raise SettingsError(
            "This is no address that Apprise knows.",
            remedy="Write one such as ntfy://a-topic-of-yours; its wiki lists all kinds.",
        )
    if not services.notify(title="Smallhours", body="Notices will arrive here."):
        raise SettingsError(
            "The address does not take the notice.",
            remedy="Look for a mistake in it, and whether its service is there.",
        )
