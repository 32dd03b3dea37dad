"""Tests of the stages as functions of their packages."""

from pathlib import Path

import pytest

from smallhours.listening import sync_recent_plays
from smallhours.playlist import resolve_tracks
from smallhours.run_context import RunContext
from smallhours.runs import STAGES, Stage, stage_doc, stage_in_words
from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)
from tests.service_fixtures import settings_for

NOWHERE = "http://127.0.0.1:1"


class NoSecrets:
    """A store that must not be asked."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        raise AssertionError(listener)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        raise AssertionError(listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        raise AssertionError(listener)

    def subsonic(self, listener: str) -> SubsonicCredentials:
        raise AssertionError(listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        raise AssertionError((listener, token))


@pytest.mark.parametrize(
    "stage",
    [sync_recent_plays, resolve_tracks],
    ids=lambda stage: stage.__name__,
)
def test_a_stage_that_needs_spotify_is_skipped_without_an_account(
    stage: Stage, tmp_path: Path
) -> None:
    person = {"lastfm_user": "ada", "timezone": "Europe/Dublin", "spotify": False}
    settings = settings_for(NOWHERE, listeners={"default": person}, lake={"url": str(tmp_path)})
    night = settings.night("default", "2026-11-02")

    with RunContext("default", night, settings, NoSecrets()) as run:
        assert run.spotify is None
        assert stage(run) == {"skipped": "no Spotify account in the settings"}


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.__name__)
def test_the_first_line_of_a_stages_docstring_is_a_sentence(stage: Stage) -> None:
    assert stage_doc(stage).endswith(".")
    assert "`" not in stage_in_words(stage)
