"""Tests of the intent `mood`."""

import pandas as pd
import pytest

from smallhours.playlist.intents.tags_and_sound import mood
from smallhours.playlist_settings import MoodIntent
from tests.playlist.intents.scenes import context

CALM = MoodIntent(kind="mood", sound={"energy": (0.0, 0.5)})
CALM_AND_DARK = MoodIntent(kind="mood", sound={"energy": (0.0, 0.5), "valence": (0.0, 0.4)})
LULLABY, ANTHEM, UNHEARD = "low · lullaby", "queen · anthem", "nobody · unheard"
TRACKS = [LULLABY, ANTHEM, UNHEARD]


def measured(key: str, name: str, value: float) -> tuple[str, str, str, float, None, None]:
    return key, "reccobeats", name, value, None, None


def predicted(
    key: str, name: str, value: float, margin: float
) -> tuple[str, str, str, float, float, float]:
    return key, "predicted", name, value, value - margin, value + margin


def test_what_sounds_otherwise_or_unknown_does_not_serve() -> None:
    sound = [measured(LULLABY, "energy", 0.2), measured(ANTHEM, "energy", 0.9)]
    purpose = mood(CALM, context(TRACKS, features=sound))
    assert purpose.why_not[TRACKS].tolist() == [
        "",
        "sounds otherwise",
        "how it sounds is not known",
    ]
    assert purpose.missing_data == "how 1 of 3 tracks sound"


def test_every_feature_that_is_asked_for_has_to_fit() -> None:
    sound = [
        measured(LULLABY, "energy", 0.2),
        measured(LULLABY, "valence", 0.1),
        measured(ANTHEM, "energy", 0.2),
    ]
    purpose = mood(CALM_AND_DARK, context(TRACKS, features=sound))
    assert purpose.why_not[LULLABY] == ""
    assert purpose.why_not[ANTHEM] == "how it sounds is not known"


def test_a_measurement_counts_whole_and_a_prediction_by_its_chance_to_be_right() -> None:
    sound = [
        measured(LULLABY, "energy", 0.45),
        predicted(ANTHEM, "energy", 0.45, 0.05),
        predicted(UNHEARD, "energy", 0.45, 0.3),
    ]
    fits = mood(CALM, context(TRACKS, features=sound)).fits
    assert fits[LULLABY] == 1.0
    # .05 to the upper end, an 80 % interval of .05: nine in ten.
    assert fits[ANTHEM] == pytest.approx(0.9, abs=0.001)
    assert fits[UNHEARD] < 0.6


def test_it_says_how_a_track_sounds_and_how_that_is_known() -> None:
    sound = [predicted(LULLABY, "energy", 0.31, 0.12)]
    intent_evidence = mood(CALM, context(TRACKS, features=sound)).intent_evidence(
        pd.Index([LULLABY])
    )
    assert intent_evidence[LULLABY].text == "calm (predicted energy .31 ± .12)"
    assert intent_evidence[LULLABY].names == ("calm",)


def test_a_sound_without_a_word_is_told_by_its_figure() -> None:
    sound = [measured(LULLABY, "energy", 0.45)]
    intent_evidence = mood(CALM, context(TRACKS, features=sound)).intent_evidence(
        pd.Index([LULLABY])
    )
    assert intent_evidence[LULLABY].text == "measured energy .45"
