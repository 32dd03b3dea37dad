"""Checks of the places that a listener's lists go to, besides Spotify."""

import os

from smallhours.checkup import Finding, bad, good
from smallhours.errors import SmallhoursError
from smallhours.run_context import CredentialStore, subsonic_client
from smallhours.settings import Settings
from smallhours.vocabulary import PlaceName


def check_places(
    listener: str, settings: Settings, secrets: CredentialStore, *, online: bool
) -> list[Finding]:
    """Check what each place needs: a token, a login, a folder.

    Args:
        listener: Name of the listener.
        settings: The settings.
        secrets: Source of the credentials.
        online: Whether to try the credentials.
    """
    checks = {
        PlaceName.LISTENBRAINZ: lambda: _listenbrainz(listener, secrets),
        PlaceName.SUBSONIC: lambda: check_subsonic(listener, settings, secrets, online=online),
        PlaceName.FILES: lambda: _files(listener, settings),
    }
    found = []
    for place in settings.listener(listener).places:
        if place not in checks:
            continue
        try:
            found.append(checks[place]())
        except SmallhoursError as error:
            found.append(bad(f"lists to {place}", error.what, error.remedy))
    return found


def _listenbrainz(listener: str, secrets: CredentialStore) -> Finding:
    subject = f"lists to {PlaceName.LISTENBRAINZ}"
    if secrets.listenbrainz(listener).token is None:
        return bad(
            subject,
            "writing a playlist needs your token",
            f"Run `smallhours login listenbrainz --listener {listener}` with the token from "
            "listenbrainz.org/settings.",
        )
    return good(subject, f"`listenbrainz_{listener}` has a token")


def check_subsonic(
    listener: str, settings: Settings, secrets: CredentialStore, *, online: bool = True
) -> Finding:
    """Check the login of a listener's music server.

    Raises:
        SmallhoursError: it is missing, or the server refuses it or is not there.
    """
    subject = f"lists to {PlaceName.SUBSONIC}"
    credentials = secrets.subsonic(listener)
    if not online:
        return good(subject, f"`subsonic_{listener}` is complete")
    with subsonic_client(listener, settings, secrets) as client:
        return good(subject, f"{client.check_login()}, at {credentials.url}")


def _files(listener: str, settings: Settings) -> Finding:
    """Check the folder, or the one in which it will be made."""
    subject = f"lists to {PlaceName.FILES}"
    folder = settings.folder_of_lists(listener)
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return bad(
            subject,
            f"{there} can't be written",
            "Make it writable, or name another folder as `folder` under the listener's "
            "`publishing`.",
        )
    return good(subject, f"in {folder}")
