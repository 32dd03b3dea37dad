"""Checks of the logins: complete, young enough, agreed to, and readable by nobody else."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from smallhours.checkup import Finding, bad, good, note
from smallhours.errors import SmallhoursError
from smallhours.identity import is_typed_alike
from smallhours.private_files import open_to_others
from smallhours.run_context import (
    CredentialStore,
    lastfm_client,
    listenbrainz_client,
    spotify_client,
)
from smallhours.services.credentials import (
    REMIND_DAYS_LEFT,
    SpotifyCredentials,
    days_left,
    login_remedy,
)
from smallhours.services.lastfm_pro import key_outlook
from smallhours.services.listenbrainz import check_token
from smallhours.services.spotify_login import SCOPES
from smallhours.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from smallhours.services.spotify import SpotifyClient


def check_logins(
    listener: str, settings: Settings, secrets: CredentialStore, *, now: datetime, online: bool
) -> list[Finding]:
    """Check the listener's connections.

    Args:
        listener: Name of the listener.
        settings: The settings.
        secrets: Source of the credentials.
        now: The current time.
        online: Whether to try the credentials with the services.
    """
    mine = settings.listener(listener)
    found: list[Finding] = []
    if mine.lastfm:
        found += _errors_as_findings(
            "Last.fm connection", lambda: _lastfm(listener, settings, secrets, now, online)
        )
    if mine.listenbrainz:
        found += _errors_as_findings(
            "ListenBrainz connection", lambda: _listenbrainz(listener, settings, secrets, online)
        )
    if not (mine.lastfm or mine.listenbrainz):
        found.append(
            note(
                "history",
                "there is neither a Last.fm nor a ListenBrainz account",
                f'Write lastfm = "YOUR NAME" or listenbrainz = "YOUR NAME" below '
                f"[listeners.{listener}] in smallhours.toml, or import your history from a file "
                "(`smallhours import-history`).",
            )
        )
    if not mine.spotify:
        return [*found, good("Spotify connection", "not used: `spotify = false` in the settings")]
    return [
        *found,
        *_errors_as_findings(
            "Spotify connection", lambda: _spotify(listener, settings, secrets, now, online)
        ),
    ]


def check_login_age(credentials: SpotifyCredentials, *, now: datetime) -> Finding:
    """Check the time left of the login to Spotify."""
    left = days_left(credentials, now)
    remedy = login_remedy(credentials.listener)
    if left is None:
        return note("Spotify login", "it is not known when it was made", remedy)
    if left < 0:
        return bad("Spotify login", f"it ended {-left} days ago", remedy)
    if left <= REMIND_DAYS_LEFT:
        return note("Spotify login", f"it ends in {left} days", remedy)
    return good("Spotify login", f"lasts {left} more days")


def _lastfm(
    listener: str, settings: Settings, secrets: CredentialStore, now: datetime, online: bool
) -> list[Finding]:
    user = settings.listener(listener).lastfm
    secrets.lastfm(listener)
    if not online:
        return [good("Last.fm connection", f"`lastfm_{listener}` is complete")]
    with lastfm_client(listener, settings, secrets) as client:
        told = client.user_info(user)
        client.recent_tracks(user, limit=1)
    outlook = key_outlook(told, today=now.date())
    return [
        good("Last.fm connection", f"{told.name}, {told.playcount:,} scrobbles, can be read"),
        good("Last.fm key", outlook.what)
        if outlook.lasting
        else note("Last.fm key", outlook.what, outlook.remedy),
    ]


def _listenbrainz(
    listener: str, settings: Settings, secrets: CredentialStore, online: bool
) -> list[Finding]:
    user = settings.listener(listener).listenbrainz
    if not settings.services.listenbrainz.enabled:
        return [good("ListenBrainz connection", "not used: `enabled = false` in the settings")]
    has_token = secrets.listenbrainz(listener).token is not None
    remedy = f"Run `smallhours login listenbrainz --listener {listener}`."
    without = note("ListenBrainz token", "there is none; some questions need it", remedy)
    found = [] if has_token else [without]
    if not online:
        return [good("ListenBrainz connection", f"the listens of {user} are read"), *found]
    with listenbrainz_client(listener, settings, secrets) as client:
        told = check_token(client, user)
        client.listens(user, count=1)
    return [good("ListenBrainz connection", told.rstrip(".")), *found]


def _spotify(
    listener: str, settings: Settings, secrets: CredentialStore, now: datetime, online: bool
) -> list[Finding]:
    credentials = secrets.spotify(listener)
    found = [check_login_age(credentials, now=now), *_scopes(credentials)]
    if not online:
        return [good("Spotify connection", f"`spotify_{listener}` is complete"), *found]
    with spotify_client(listener, settings, secrets) as client:
        account = client.me()
        next(iter(client.playlists()), None)
        found += _dislike_playlist(settings.listener(listener).dislike_playlist, client)
    name = account.display_name or account.id
    return [good("Spotify connection", f"{name} can be read"), *found]


def _dislike_playlist(name: str | None, client: "SpotifyClient") -> list[Finding]:
    if not name:
        return []
    if any(is_typed_alike(each.name, name) for each in client.playlists()):
        return [good("dislike playlist", f"'{name}' is there")]
    remedy = "Make it in Spotify, or correct `dislike_playlist` in the settings."
    return [note("dislike playlist", f"there is no playlist named '{name}'", remedy)]


def _scopes(credentials: SpotifyCredentials) -> list[Finding]:
    if not credentials.scopes:
        return []
    lacking = sorted(set(SCOPES) - set(credentials.scopes))
    if not lacking:
        return [good("Spotify scopes", f"all {len(SCOPES)} that are needed")]
    remedy = login_remedy(credentials.listener)
    return [bad("Spotify scopes", f"{', '.join(lacking)} was not agreed to", remedy)]


def _errors_as_findings(subject: str, look: "Callable[[], list[Finding]]") -> list[Finding]:
    """Return the findings of a check, or its error as a finding."""
    try:
        return look()
    except SmallhoursError as error:
        return [bad(subject, error.what, error.remedy)]


_START = "Run `make up`: it mends this when it starts."
_MOVE_THE_LAKE = "Run `python -m smallhours.orchestration.database` where that Airflow runs."
_NAMED = 3


def check_encryption(in_clear: Sequence[str], *, encrypted: int, ours: bool) -> Finding:
    """Judge the connections and variables that are stored in clear, if there are any.

    Args:
        in_clear: Their names.
        encrypted: How many values are encrypted.
        ours: Whether they are in the Airflow that `smallhours up` runs.
    """
    if not in_clear and not encrypted:
        return good("encryption", "no key or login is stored yet")
    if not in_clear:
        return good("encryption", "every stored connection and variable is encrypted")
    more = f" and {len(in_clear) - _NAMED} more" if len(in_clear) > _NAMED else ""
    names = ", ".join(in_clear[:_NAMED])
    told = f"stored in clear in Airflow's database: {names}{more}"
    return bad("encryption", told, _START if ours else _MOVE_THE_LAKE)


def check_permissions(*folders: Path) -> Finding:
    """Judge who may read the files of Airflow's home and of the lake."""
    found = [path for folder in folders for path in open_to_others(folder)]
    if not found:
        return good("permissions", f"yours alone: {' and '.join(map(str, folders))}")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return bad("permissions", f"{found[0]}{more} may be read by others on this machine", _START)
