"""Further playlists (intents): each runs the main list's pipeline with a purpose of its own."""

from smallhours.playlist.intents.listening import deep_cuts, forgotten, time_of_day
from smallhours.playlist.intents.tracks import mood, new_releases, tagged
from smallhours.playlist.rank.scores import IntentScores, ListenerContext
from smallhours.playlist_settings import (
    DeepCutsIntent,
    ForgottenIntent,
    Intent,
    MoodIntent,
    NewReleasesIntent,
    TimeOfDayIntent,
)


def score_intent(intent: Intent, context: ListenerContext) -> IntentScores:
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
