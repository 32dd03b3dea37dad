"""Further playlists (intents): each runs the main list's pipeline with a purpose of its own."""

from smallhours.playlist.intents.context import IntentContext, IntentScores
from smallhours.playlist.intents.familiar import deep_cuts, forgotten
from smallhours.playlist.intents.new_releases import new_releases
from smallhours.playlist.intents.tags_and_sound import mood, tagged
from smallhours.playlist.intents.time_of_day import time_of_day
from smallhours.playlist_settings import (
    DeepCutsIntent,
    ForgottenIntent,
    Intent,
    MoodIntent,
    NewReleasesIntent,
    TimeOfDayIntent,
)

__all__ = ["IntentContext", "IntentScores", "score_intent"]


def score_intent(intent: Intent, context: IntentContext) -> IntentScores:
    """Return the scores of all tracks for an intent."""
    match intent:
        case MoodIntent():
            return mood(intent, context)
        case TimeOfDayIntent():
            return time_of_day(intent, context)
        case ForgottenIntent():
            return forgotten(intent, context)
        case DeepCutsIntent():
            return deep_cuts(context)
        case NewReleasesIntent():
            return new_releases(intent, context)
        case _:
            return tagged(intent, context)
