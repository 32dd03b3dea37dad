"""The Accounts page: which services a listener uses, and logins that are tried, kept and removed.

A secret goes from the form to the service and to Airflow's encrypted connections; no page shows it.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from smallhours.checkup import Finding
from smallhours.checkup.logins import check_logins
from smallhours.checkup.places import check_subsonic
from smallhours.checkup.tried_logins import (
    try_lastfm,
    try_listenbrainz,
    try_notices,
    try_subsonic,
)
from smallhours.errors import SettingsError
from smallhours.services.credentials import (
    NOTICES_CONNECTION,
    LastfmCredentials,
    ListenBrainzCredentials,
    SubsonicCredentials,
)
from smallhours.settings import Settings
from smallhours.settings_file import Key, change_settings, with_changes
from smallhours.web.page_context import AccountStore, PageContext, Service

NAMES: Mapping[Service, str] = {
    "spotify": "Spotify",
    "lastfm": "Last.fm",
    "listenbrainz": "ListenBrainz",
    "subsonic": "Your music server",
}
NOTICES: Key = ("notices", "connection")


@dataclass(frozen=True)
class Account:
    """One service.

    Attributes:
        service: Its name in the settings.
        name: Its name for people.
        user: The listener's name there, as far as the settings have it.
        connected: Whether a login is kept.
    """

    service: Service
    name: str
    user: str
    connected: bool


@dataclass(frozen=True)
class AccountsPage:
    """The data of the page: the services, what one of them answered, and a note about a change.

    `notices` is the connection that notices go by; empty when none are sent.
    """

    accounts: Sequence[Account]
    notices: str
    findings: Sequence[Finding] = ()
    told: str = ""


def accounts_page(
    page_context: PageContext,
    store: AccountStore,
    *,
    findings: Sequence[Finding] = (),
    told: str = "",
) -> AccountsPage:
    """Return the data of the page."""
    me, listener = page_context.playlist_settings, page_context.listener
    users = {"lastfm": me.lastfm, "listenbrainz": me.listenbrainz}
    return AccountsPage(
        [
            Account(service, name, users.get(service, ""), store.has_login(service, listener))
            for service, name in NAMES.items()
        ],
        page_context.settings.notices.connection,
        findings,
        told,
    )


def connect(
    page_context: PageContext, store: AccountStore, service: Service, form: FormData
) -> str:
    """Try a login that a form holds, keep it, and return what the service said.

    Raises:
        SettingsError: when something is missing, or the settings can't be written.
        ServiceError: the service refuses, or is not there; nothing was kept.
    """
    listener = page_context.listener
    user, secret = _text(form, "user"), _text(form, "secret")
    if not user:
        raise SettingsError("Your name there is missing.", remedy="Write it.")
    if service == "subsonic":
        fields = {"host": _text(form, "host"), "user": user, "password": secret}
        server = SubsonicCredentials.parse(fields, listener=listener)
        told = try_subsonic(server, page_context.settings)
        store.keep_server(server)
        return told
    if not secret:
        raise SettingsError("The key or the token is missing.", remedy="Paste it.")
    named = _named(listener, service, user)
    settings = with_changes(named)
    told, keep = _try(store, service, listener, user, secret, settings)
    if settings.listener(listener) != page_context.playlist_settings:
        change_settings(named)
    keep()
    return told


def _try(
    store: AccountStore, service: Service, listener: str, user: str, secret: str, settings: Settings
) -> tuple[str, Callable[[], None]]:
    """Try a key or a token; return what the service said, and what keeps it."""
    if service == "lastfm":
        key = LastfmCredentials.parse({"api_key": secret}, listener=listener)
        return try_lastfm(key, settings), lambda: store.keep_key(key)
    token = ListenBrainzCredentials.parse({"token": secret}, listener=listener)
    return try_listenbrainz(token, settings), lambda: store.keep_token(token, user)


def try_account(page_context: PageContext, store: AccountStore, service: Service) -> list[Finding]:
    """Return what a service says about the login that is kept."""
    listener, settings = page_context.listener, page_context.settings
    if service == "subsonic":
        return [check_subsonic(listener, settings, store)]
    now = dt.datetime.now(dt.UTC)
    found = check_logins(listener, settings, store, now=now, online=True)
    return [each for each in found if each.subject.startswith(NAMES[service])]


def disconnect(page_context: PageContext, store: AccountStore, service: Service) -> None:
    """Remove a login, and the account from the settings, so that nights go on without it.

    Raises:
        SettingsError: when the settings still need the account, or the login is not ours to remove.
    """
    without: Mapping[Service, Any] = {"spotify": False, "lastfm": "", "listenbrainz": ""}
    if service in without:
        change_settings(_named(page_context.listener, service, without[service]))
    store.disconnect(service, page_context.listener)


def connect_notices(store: AccountStore, address: str) -> None:
    """Send a first notice to an address of Apprise, and keep it for all later ones.

    Raises:
        SettingsError: when the address leads nowhere, or the settings can't be written.
    """
    try_notices(address)
    with_changes({NOTICES: NOTICES_CONNECTION})
    store.keep_notices(address)
    change_settings({NOTICES: NOTICES_CONNECTION})


def disconnect_notices(page_context: PageContext, store: AccountStore) -> None:
    """Send no notices any more, and forget the address if it was kept here.

    Raises:
        SettingsError: when the settings can't be written, or the address is not ours to remove.
    """
    change_settings({NOTICES: None})
    if page_context.settings.notices.connection == NOTICES_CONNECTION:
        store.forget_notices()


def _named(listener: str, service: Service, value: Any) -> dict[Key, Any]:
    """Return the change that names an account; the key's earlier name goes with it."""
    key: Key = ("listeners", listener, service)
    earlier: dict[Key, Any] = {("listeners", listener, "lastfm_user"): None}
    return {**(earlier if service == "lastfm" else {}), key: value}


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()[:1000]
