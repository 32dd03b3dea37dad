"""Tests of the checks of logins: missing, ageing and expired ones, with their remedies."""

import datetime as dt

import pytest

from smallhours.checkup import Health
from smallhours.checkup.logins import check_login_age, check_logins
from smallhours.errors import NeedsLogin
from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
    login_remedy,
)
from smallhours.services.spotify_login import SCOPES
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.simulation.installation import sandbox_settings
from tests.service_fixtures import LASTFM_KEY, ServiceFixture, household, settings_for

__all__ = ["household"]

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)


class StoredCredentials:
    """Credentials stored for a listener."""

    def __init__(self, spotify: SpotifyCredentials | None, key: str = LASTFM_KEY) -> None:
        self._spotify = spotify
        self._key = key

    def lastfm(self, listener: str) -> LastfmCredentials:
        return LastfmCredentials(self._key, listener=listener)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        return ListenBrainzCredentials(listenbrainz_token("ada"), listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        if self._spotify is None:
            raise NeedsLogin("Spotify", "no login yet.", remedy=login_remedy(listener))
        return self._spotify

    def subsonic(self, listener: str) -> SubsonicCredentials:
        raise AssertionError(listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        raise AssertionError(f"looking must not store a token for {listener}: {len(token)}")


def login(days_ago: int, scopes: tuple[str, ...] = SCOPES) -> SpotifyCredentials:
    at = NOW - dt.timedelta(days=days_ago)
    return SpotifyCredentials(
        "sandbox-client", "sandbox-secret", "refresh-ada", scopes, at, listener="default"
    )


@pytest.mark.parametrize(
    ("days_ago", "health"),
    [
        (0, Health.GOOD),
        (149, Health.GOOD),
        (150, Health.NOTE),
        (182, Health.NOTE),
        (183, Health.BAD),
    ],
)
def test_a_login_is_spoken_of_from_day_150_on(days_ago: int, health: Health) -> None:
    found = check_login_age(login(days_ago), now=NOW)

    assert found.health is health
    assert ("smallhours login spotify --listener default" in found.remedy) == (
        health is not Health.GOOD
    )


def test_a_login_that_works_is_good_throughout(household: ServiceFixture) -> None:
    household.sandbox.state.subscriber["ada"] = "1"

    found = check_logins(
        "default", household.settings, StoredCredentials(login(1)), now=NOW, online=True
    )

    assert {finding.health for finding in found} == {Health.GOOD}
    assert "3,000 scrobbles" in found[0].what


def test_listenbrainz_alone_is_a_history_and_its_token_is_tried(household: ServiceFixture) -> None:
    services = household.settings.services.model_dump()
    for me, told, health in (
        ({"lastfm_user": "", "listenbrainz": "ada"}, "The token works: ada has", Health.GOOD),
        ({"lastfm_user": ""}, "neither a Last.fm nor a ListenBrainz account", Health.NOTE),
    ):
        settings = sandbox_settings({**me, "spotify": False}, services=services)
        found = check_logins("default", settings, StoredCredentials(None), now=NOW, online=True)

        assert told in found[0].what
        assert found[0].health is health


def test_a_key_that_nobody_pays_for_is_worth_a_look_and_no_failure(
    household: ServiceFixture,
) -> None:
    found = check_logins(
        "default", household.settings, StoredCredentials(login(1)), now=NOW, online=True
    )

    (key,) = [finding for finding in found if finding.health is not Health.GOOD]
    assert (key.subject, key.health) == ("Last.fm key", Health.NOTE)
    assert "1 December 2026" in key.what
    assert "Last.fm Pro" in key.remedy


def test_a_refused_key_says_what_to_do(household: ServiceFixture) -> None:
    fault_rules_of(household.sandbox.state).add(Fault("unpaid_key", times=0))

    found = check_logins(
        "default", household.settings, StoredCredentials(login(1)), now=NOW, online=True
    )

    (lastfm,) = [finding for finding in found if finding.health is Health.BAD]
    assert "Last.fm Pro" in lastfm.remedy
    assert "smallhours import-history" in lastfm.remedy


def test_a_revoked_login_says_what_to_run(household: ServiceFixture) -> None:
    revoked = SpotifyCredentials("sandbox-client", "sandbox-secret", "revoked", listener="default")

    found = check_logins(
        "default", household.settings, StoredCredentials(revoked), now=NOW, online=True
    )

    (spotify,) = [finding for finding in found if finding.health is Health.BAD]
    assert "smallhours login spotify" in spotify.remedy


def test_a_dislike_playlist_that_is_not_there_is_worth_a_look(household: ServiceFixture) -> None:
    household.sandbox.state.create_playlist("ada", "Can\u2019t stand", by_app=False)
    healths = []
    for name in ("Can't stand", "Cannot stand"):
        listener = household.settings.listener("default")
        disliking = listener.model_copy(update={"dislike_playlist": name})
        settings = household.settings.model_copy(update={"listeners": {"default": disliking}})
        found = check_logins("default", settings, StoredCredentials(login(1)), now=NOW, online=True)
        healths += [each.health for each in found if each.subject == "dislike playlist"]
    assert healths == [Health.GOOD, Health.NOTE]


def test_a_scope_that_was_not_agreed_to_is_named() -> None:
    settings = settings_for("http://127.0.0.1:9")
    keys = StoredCredentials(login(1, SCOPES[1:]))

    found = check_logins("default", settings, keys, now=NOW, online=False)

    (scopes,) = [finding for finding in found if finding.subject == "Spotify scopes"]
    assert scopes.health is Health.BAD
    assert SCOPES[0] in scopes.what


def test_without_spotify_nothing_is_asked_of_it() -> None:
    settings = settings_for("http://127.0.0.1:9")
    listener = settings.listener("default").model_copy(update={"spotify": False})
    settings = settings.model_copy(update={"listeners": {"default": listener}})

    found = check_logins("default", settings, StoredCredentials(None), now=NOW, online=False)

    assert {finding.health for finding in found} == {Health.GOOD}
