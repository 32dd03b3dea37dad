"""The stages of a night, by DAG.

A stage is a plain function in `<package>/stages.py`. The command line and the Airflow tasks both
find it here, by its verb, and hand it a `RunContext`. The stages' own modules are imported when a
stage runs, never before: Airflow reads this file each time it parses a DAG.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from smallhours.run_context import RunContext
from smallhours.summary import Summary


@dataclass(frozen=True, slots=True)
class Stage:
    """One verb: a stage function, and the clients of a `RunContext` that it is called with.

    Attributes:
        verb: The function's name, the Airflow task's id and the command's name.
        module: Where the function is; imported when the stage runs, and nothing else with it.
        clients: The attributes of `RunContext` that follow the lake in its arguments.
        doc: What it does, in one line.
        options: The keyword arguments that a person may set.
    """

    verb: str
    module: str
    clients: tuple[str, ...]
    doc: str
    options: tuple[str, ...] = ()

    @property
    def function(self) -> Callable[..., Summary]:
        """The stage function itself; its module is imported now."""
        module = import_module(f"smallhours.{self.module}")
        function: Callable[..., Summary] = getattr(module, self.verb)
        return function

    def __call__(self, run: RunContext, **options: Any) -> Summary:
        """Run the stage and return its counts.

        Raises:
            SmallhoursError: with what went wrong and what to do about it.
        """
        function = self.function
        lake = run.lake
        clients = [getattr(run, client) for client in self.clients]
        with run.journal.of(self.verb) if clients else nullcontext():
            return function(
                run.listener, lake, *clients, settings=run.settings, night=run.night, **options
            )


RECENT_PLAYS = Stage(
    "sync_recent_plays", "listening.stages", ("spotify",), "Add Spotify's last 50 plays to `plays`."
)

IMPORT_HISTORY = Stage(
    "import_history",
    "listening.export",
    (),
    "Read Spotify's export of the streaming history into `plays`.",
    ("paths",),
)

ROLLBACK = Stage(
    "rollback",
    "playlist.publish.rollback",
    ("spotify",),
    "Put the list of an earlier night back into the playlist.",
    ("intent",),
)

# The nightly DAGs in their order, each with its stages in theirs.
NIGHTLY: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        "sync_listening": (
            Stage(
                "sync_scrobbles",
                "listening.stages",
                ("lastfm",),
                "Read new scrobbles from Last.fm into `plays`.",
            ),
            Stage(
                "verify_history",
                "listening.stages",
                ("lastfm",),
                "Once a month, compare all of `plays` with what Last.fm counts, and mend it.",
            ),
            RECENT_PLAYS,
            Stage(
                "sync_library",
                "listening.stages",
                ("spotify", "lastfm"),
                "Note tonight's top, saved and loved tracks in `library`.",
            ),
            Stage(
                "collect_feedback",
                "listening.stages",
                ("spotify",),
                "Note what became of our picks in `feedback`, before the next list replaces them.",
            ),
        ),
        "refresh_catalog": (
            Stage(
                "update_tracks",
                "catalog.stages",
                (),
                "Add what was newly heard or saved to `tracks`.",
            ),
            Stage(
                "fetch_neighbours",
                "catalog.stages",
                ("lastfm",),
                "Ask Last.fm what is near the strongest tracks, artists and tags: `similar`.",
            ),
            Stage(
                "fetch_tags",
                "catalog.stages",
                ("lastfm",),
                "Ask Last.fm for missing and stale tags: `track_tags`, `artist_tags`.",
            ),
            Stage(
                "fetch_audio_features",
                "catalog.stages",
                ("reccobeats", "acousticbrainz", "legacy_spotify"),
                "Ask ReccoBeats and AcousticBrainz for missing audio features: `audio_features`.",
            ),
            Stage(
                "gather_candidates",
                "catalog.stages",
                (),
                "Gather the tracks that tonight's list may be drawn from: `candidates`.",
            ),
        ),
        "train_models": (
            Stage(
                "train_taste",
                "training.taste.stages",
                (),
                "Learn what the listener likes from the tags of what they played.",
            ),
            Stage(
                "train_ranking",
                "training.ranking.stages",
                (),
                "Learn how much each signal counts, from what the listener adopted in the past.",
            ),
            Stage(
                "train_audio_features",
                "training.audio.stages",
                (),
                "Learn audio features from tags, where features are known.",
            ),
            Stage(
                "predict_audio_features",
                "training.audio.stages",
                (),
                "Predict the audio features of all other tracks.",
            ),
            Stage(
                "describe_taste",
                "training.profile_stages",
                (),
                "Describe what the listener plays, for the pages: `profile`.",
            ),
        ),
        "write_playlist": (
            Stage(
                "rank_candidates",
                "playlist.rank.stage",
                (),
                "Score all candidates and choose tonight's list: `recommendations`.",
                ("size", "exploration"),
            ),
            Stage(
                "resolve_tracks",
                "playlist.publish.resolve",
                ("spotify",),
                "Find the chosen tracks on Spotify, one search each.",
            ),
            Stage(
                "publish_playlist",
                "playlist.publish.stage",
                ("spotify",),
                "Write the listener's playlist, read it back, and record it: `playlists`.",
                ("dry_run",),
            ),
        ),
    }
)

# All DAGs: those of the night, and those that run beside it. The study has no stages: its tasks
# are the settings of a grid.
DAGS: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        **NIGHTLY,
        "poll_recent_plays": (RECENT_PLAYS,),
        "import_history": (IMPORT_HISTORY,),
        "rollback_playlist": (ROLLBACK,),
        "regression_study": (),
    }
)

STAGES: Mapping[str, Stage] = MappingProxyType(
    {stage.verb: stage for stages in DAGS.values() for stage in stages}
)


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield a stage's counts as lines for people: `plays added: 1,234`."""
    for name, value in summary.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        yield f"{name.replace('_', ' ')}: {shown}"
