"""The stages of a night, by DAG.

A stage is a function of its package that takes a `RunContext` and returns its counts. The Airflow
tasks and the command line both take it from here: its name is the task's id and the command, the
first line of its docstring says what it does, its keyword arguments are what a person may set.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from inspect import getdoc
from types import MappingProxyType
from typing import Concatenate

from smallhours.catalog import (
    fetch_audio_features,
    fetch_neighbours,
    fetch_tags,
    gather_candidates,
    update_tracks,
)
from smallhours.listening import (
    collect_feedback,
    import_history,
    sync_library,
    sync_listenbrainz,
    sync_recent_plays,
    sync_scrobbles,
    verify_history,
)
from smallhours.playlist import publish_playlist, rank_candidates, resolve_tracks, rollback
from smallhours.run_context import RunContext
from smallhours.summary import Summary
from smallhours.training import (
    describe_taste,
    evaluate_ranking,
    predict_audio_features,
    train_audio_features,
    train_taste,
)

Stage = Callable[Concatenate[RunContext, ...], Summary]

# The nightly DAGs in their order, each with its stages in theirs.
NIGHTLY: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        "sync_listening": (
            sync_scrobbles,
            sync_listenbrainz,
            verify_history,
            sync_recent_plays,
            sync_library,
            collect_feedback,
        ),
        "refresh_catalog": (
            update_tracks,
            fetch_neighbours,
            fetch_tags,
            fetch_audio_features,
            gather_candidates,
        ),
        "train_models": (
            train_taste,
            evaluate_ranking,
            train_audio_features,
            predict_audio_features,
            describe_taste,
        ),
        "write_playlist": (rank_candidates, resolve_tracks, publish_playlist),
    }
)

# All DAGs: those of the night, and those that run beside it. Two have no stages: maintenance is of
# Airflow alone, and the study's tasks are the settings of a grid.
DAGS: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        **NIGHTLY,
        "poll_recent_plays": (sync_recent_plays,),
        "import_history": (import_history,),
        "rollback_playlist": (rollback,),
        "maintenance": (),
        "regression_study": (),
    }
)

STAGES: Mapping[str, Stage] = MappingProxyType(
    {stage.__name__: stage for stages in DAGS.values() for stage in stages}
)


def stage_doc(stage: Stage) -> str:
    """Return what a stage does, in one line."""
    return (getdoc(stage) or "").partition("\n")[0]


def stage_in_words(stage: Stage) -> str:
    """Return what a stage does without the names of tables.

    >>> stage_in_words(sync_scrobbles)
    'Read new scrobbles from Last.fm'
    """
    without = re.sub(r"(:| into| in| to) `\w+`(, `\w+`)*", "", stage_doc(stage))
    return without.replace("`", "").rstrip(".,")


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield a stage's counts as lines for people: `plays added: 1,234`."""
    for name, value in summary.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        yield f"{name.replace('_', ' ')}: {shown}"
