"""Further playlists (intents): each runs the main list's pipeline with a purpose of its own."""

from smallhours.playlist.intents.familiar import deep_cuts, forgotten
from smallhours.playlist.intents.mood import mood
from smallhours.playlist.intents.new_releases import new_releases
from smallhours.playlist.intents.of_tags import of_tags
from smallhours.playlist.intents.scene import Purpose, Scene
from smallhours.playlist.intents.time_of_day import time_of_day
from smallhours.wishes import DeepCuts, Forgotten, Intent, Mood, NewReleases, TimeOfDay

__all__ = ["Purpose", "Scene", "purpose_of"]


def purpose_of(intent: Intent, scene: Scene) -> Purpose:
    """Return the scores of all tracks for an intent."""
    match intent:
        case Mood():
            return mood(intent, scene)
        case TimeOfDay():
            return time_of_day(intent, scene)
        case Forgotten():
            return forgotten(intent, scene)
        case DeepCuts():
            return deep_cuts(scene)
        case NewReleases():
            return new_releases(intent, scene)
        case _:
            return of_tags(intent, scene)
