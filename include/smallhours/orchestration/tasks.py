"""Stages as Airflow tasks, with one-line errors and a retry policy.

A task calls one stage function and logs its counts. When it raises a `SmallhoursError`, the log
gets one line with what happened and what to do, without a traceback. A long rate limit reschedules
the task to its end, and a fault of one machine among several to half a minute later. The retry
policy decides on every other error: a temporary fault is retried, and an error that only a person
can fix fails at once.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from platform import node
from types import MappingProxyType
from typing import Any

from airflow.configuration import conf
from airflow.sdk import Asset, RetryDecision, RetryPolicy, get_current_context, task
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from smallhours import catalog, listening, training
from smallhours.errors import (
    BrokenReply,
    CorruptFile,
    LakeError,
    RetryLater,
    SchemaMismatch,
    SettingsUnreadable,
    SmallhoursError,
)
from smallhours.orchestration.connections import NEED_LOGIN, AirflowSecrets, Service, missing_logins
from smallhours.orchestration.notices import StageFailedNotifier, StageSucceededNotifier
from smallhours.orchestration.scheduling import PartitionKey, date_of_run, night_of_task
from smallhours.run_context import RunContext
from smallhours.runs import Stage, stage_doc, summary_lines
from smallhours.schedule import ScheduleSettings
from smallhours.settings import Settings, load_settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# A wait up to this long is a retry; for a longer one the task is rescheduled, to free its worker.
MAX_RETRY_WAIT = dt.timedelta(minutes=1)

# Maximum time since a night's start; after a day, the next night takes over. It holds the wait for
# a service's daily quota, and for an approval.
MAX_RUN_TIME = dt.timedelta(days=1)

# A service that is out of reach is tried again so long after a run's start; then the night goes on
# without it, from what the lake holds.
MAX_OUTAGE = dt.timedelta(hours=1)

# A fault of one machine among several - its settings file, its mount of the lake, its disk - is not
# the task's end. The task gives its slot back and is tried again, without losing a try: a sound
# machine takes it sooner or later. After an hour it fails as it does on a single machine. So long
# is enough for a sound machine to finish something and be free.
RETRY_ELSEWHERE = dt.timedelta(seconds=30)

# Maximum time of one try of a task, several times what a large catalog on a slow machine takes: it
# ends what hangs. A long wait for a rate limit is not counted: the task is rescheduled for it.
MAX_TASK_TIME = dt.timedelta(minutes=30)
MAX_STAGE_TIME = dt.timedelta(hours=2)
# The stages that read a whole history, or ask a night's budget of questions, at a service's rate.
MAX_FETCH_TIME = dt.timedelta(hours=8)
MAX_TRAINING_TIME = dt.timedelta(hours=6)
EXECUTION_TIMEOUTS: Mapping[Stage, dt.timedelta] = MappingProxyType(
    {
        listening.sync_recent_plays: MAX_TASK_TIME,  # one request, and an hour until the next poll
        listening.sync_scrobbles: MAX_FETCH_TIME,
        listening.verify_history: MAX_FETCH_TIME,
        catalog.fetch_neighbours: MAX_FETCH_TIME,
        catalog.fetch_tags: MAX_FETCH_TIME,
        catalog.fetch_audio_features: MAX_FETCH_TIME,
        training.train_taste: MAX_TRAINING_TIME,
        training.train_audio_features: MAX_TRAINING_TIME,
    }
)


# A try is also lost with its worker, or with a broker that is away. Those come on top of the tries
# of an error that nobody foresaw, which may be there for good.
MAX_LOST_TRIES = 3
MAX_UNFORESEEN_TRIES = 3


class StageStopped(SystemExit):
    """Ends a task after its error was logged; the error is its `__cause__`.

    Airflow 3.3.2 logs any other exception with a traceback, `AirflowFailException` too, before it
    asks the retry policy; no setting, hook or exception prevents that. The traceback would repeat
    what was told in a sentence, and the errors behind it may name what is secret. So the error
    travels as the cause: the retry policy and the notifiers decide on it.
    """


class ErrorRetryPolicy(RetryPolicy):
    """A retry policy by the type of error; unexpected exceptions are retried twice."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Return a retry for what may pass by itself, and a failure for what a person must mend."""
        del max_tries, context
        error = exception.__cause__ if isinstance(exception, StageStopped) else exception
        if isinstance(error, RetryLater):
            return RetryDecision.retry(dt.timedelta(seconds=error.after), error.what)
        if isinstance(error, BrokenReply):
            return RetryDecision.retry(reason=error.what)
        if isinstance(error, SmallhoursError):
            return RetryDecision.fail()
        if try_number >= MAX_UNFORESEEN_TRIES:
            return RetryDecision.fail()
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return an empty mapping: there is nothing to configure."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "ErrorRetryPolicy":
        """Return the policy: there is nothing to configure."""
        del data
        return cls()


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "smallhours",
    "execution_timeout": MAX_TASK_TIME,
    "retries": MAX_UNFORESEEN_TRIES - 1 + MAX_LOST_TRIES,
    "retry_delay": dt.timedelta(seconds=30),
    "retry_policy": ErrorRetryPolicy(),
}

# What all DAGs have in common. They are live as soon as they exist: Airflow pauses a new DAG unless
# it says otherwise, and a night that nobody switched on never comes.
DAG_DEFAULTS: dict[str, Any] = {"default_args": DEFAULT_ARGS, "is_paused_upon_creation": False}
# Name and tag of each DAG in Airflow's list, which is sorted by name: the night in its order first.
DAG_TITLES: Mapping[str, tuple[str, str]] = {
    "sync_listening": ("Night 1: read the listening", "night"),
    "refresh_catalog": ("Night 2: find music around it", "night"),
    "train_models": ("Night 3: train the models", "night"),
    "write_playlist": ("Night 4: write the playlist", "night"),
    "poll_recent_plays": ("Regularly: poll Spotify's recent plays", "regularly"),
    "maintenance": ("Regularly: remove old runs and logs", "regularly"),
    "import_history": ("When wanted: import a listening history", "by hand"),
    "rollback_playlist": ("When wanted: put an earlier list back", "by hand"),
    "regression_study": ("When wanted: compare models in a study", "by hand"),
}


def dag_options(dag_id: str, doc: str | None) -> dict[str, Any]:
    """Return how Airflow shows a DAG, and what all DAGs have in common.

    Args:
        dag_id: The DAG's id.
        doc: The docstring of its file; the first line describes it in Airflow's list.
    """
    title, tag = DAG_TITLES[dag_id]
    return {
        **DAG_DEFAULTS,
        "dag_display_name": title,
        "description": (doc or "").partition("\n")[0],
        "doc_md": doc,
        "tags": ["smallhours", tag],
    }


def stage(
    function: Stage,
    *,
    night: Any = None,
    outlets: Sequence[Asset] = (),
    trigger_rule: str = "all_success",
) -> Any:
    """Return a task that runs one stage.

    Args:
        function: The stage; its name is the task's id, its docstring the task's documentation.
        night: Partition key of the listener's night, when the DAG maps over several; otherwise
            it is taken from the run's partition key or the form.
        outlets: Assets that the task updates.
        trigger_rule: Trigger rule of the task.

    Returns:
        The task, to be chained with others.
    """

    @task(
        task_id=function.__name__,
        doc_md=stage_doc(function),
        outlets=list(outlets),
        trigger_rule=trigger_rule,
        execution_timeout=EXECUTION_TIMEOUTS.get(function, MAX_STAGE_TIME),
        # Name a mapped task by listener and night, even before it runs.
        map_index_template="{{ task.op_kwargs['night'] }}" if night is not None else None,
        on_failure_callback=StageFailedNotifier(),
        on_success_callback=StageSucceededNotifier(),
    )
    def run_stage(night: str | None) -> Summary:
        del night  # `night_of_task` reads it
        context = get_current_context()
        with one_line_errors():
            settings = load_settings_here()
            key = night_of_task(context, settings)
            summary = run_for_night(function, key, settings, context)
        for outlet in outlets:
            context["outlet_events"][outlet].add_partitions(str(key))
        return summary

    return run_stage(night=night)


@task(task_id="choose_nights", doc_md="Which listeners' nights this run is about.")
def choose_nights(cron: str, services: Sequence[Service] = NEED_LOGIN) -> list[str]:
    """Return the partition keys of this run: of the form's listener, or of all listeners.

    Args:
        cron: The DAG's schedule; a scheduled run that a later one has overtaken is skipped.
        services: Services that a listener must have logged in to; others are left out.

    Raises:
        AirflowSkipException: when there is no night to run.
    """
    context = get_current_context()
    with one_line_errors():
        settings = load_settings_here()
        if is_overtaken(context["dag_run"], cron, settings.schedule):
            raise AirflowSkipException("The machine was off at this hour; the newest night runs.")
        chosen = context["params"].get("listener")
        keys = [
            str(PartitionKey(name, date_of_run(name, context, settings)))
            for name in ([chosen] if chosen else settings.listeners)
            if _has_logged_in(name, settings, services)
        ]
    if not keys:
        raise AirflowSkipException("Nobody has logged in yet.")
    LOG.info("Nights: %s", ", ".join(keys))
    return keys


def is_overtaken(dag_run: Any, cron: str, schedule: ScheduleSettings) -> bool:
    """Return whether a scheduled run is so late that the next one is due, too."""
    scheduled = dag_run.run_type == "scheduled"
    now = dt.datetime.now(dt.UTC)
    return scheduled and schedule.next_start(cron, dag_run.run_after) <= now


def _has_logged_in(listener: str, settings: Settings, services: Sequence[Service]) -> bool:
    """Return whether a listener's night can begin; tell in the log what they have yet to do.

    Once a list was published, a missing login is an error that the stages raise: then it was there
    before, and its listener has to be told.
    """
    from smallhours.lake.list_tables import PLAYLISTS
    from smallhours.lake.store import Lake

    if not (missing := missing_logins(listener, settings, services)):
        return True
    if any(part["listener"] == listener for part in Lake(settings.lake.url).partitions(PLAYLISTS)):
        return True
    commands = " and ".join(f"`smallhours login {each} --listener {listener}`" for each in missing)
    LOG.info("%s has not logged in to all services yet: run %s.", listener, commands)
    return False


def run_for_night(function: Stage, key: PartitionKey, settings: Settings, context: Any) -> Summary:
    """Run a stage for one night and log its counts."""
    night = settings.chosen_night(key.listener, key.date, dt.datetime.now(dt.UTC))
    started = dt.datetime.fromtimestamp(context["dag_run"].run_after.timestamp(), dt.UTC)
    if settings.listener(key.listener).night_at(started).date == night.date:
        # The night is not over yet: cut the history off at the run's start, also for a retry.
        night = replace(night, as_of=min(night.as_of, started))
    begun = context["dag_run"].start_date or started
    night = replace(night, waits=dt.datetime.now(dt.UTC) - begun < MAX_OUTAGE)
    params = context["params"]
    options = {
        name: params[name]
        for name in signature(function).parameters
        if params.get(name) is not None
    }
    LOG.info("%s for %s, night %s", function.__name__, key.listener, night.date)
    with RunContext(key.listener, night, settings, AirflowSecrets()) as run:
        summary = function(run, **options)
        if run.lake.conflicts:
            summary = {**summary, "writes_repeated": run.lake.conflicts}
    for line in summary_lines(summary):
        LOG.info(line)
    return summary


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Log an error as one line, and end the task: rescheduled where it waits, else stopped."""
    try:
        yield
    except SmallhoursError as error:
        LOG.error("%s", error)
        if when := _next_try(error):
            LOG.info("Trying again at %s UTC.", f"{when:%Y-%m-%d %H:%M:%S}")
            raise AirflowRescheduleException(when) from None  # type: ignore[no-untyped-call]
        raise StageStopped(1) from error


def _next_try(error: SmallhoursError) -> dt.datetime | None:
    """Return until when a task gives its worker back after an error; None where it does not."""
    now = dt.datetime.now(dt.UTC)
    if isinstance(error, RetryLater) and error.after > MAX_RETRY_WAIT.total_seconds():
        return now + dt.timedelta(seconds=error.after)
    if may_work_elsewhere(error):
        LOG.info("It may be this machine alone: run `smallhours doctor` on %s.", node())
        begun = get_current_context()["dag_run"].start_date
        if begun is None or now - begun < MAX_OUTAGE:
            return now + RETRY_ELSEWHERE
    return None


def may_work_elsewhere(error: Exception) -> bool:
    """Return whether an error may be the fault of this machine alone."""
    if isinstance(error, CorruptFile | SchemaMismatch):
        return False  # all machines read the same file
    return isinstance(error, SettingsUnreadable | LakeError) and has_several_machines()


def has_several_machines() -> bool:
    """Return whether Airflow's tasks run on machines of which one may be at fault alone."""
    return "LocalExecutor" not in conf.get("core", "executor")


def load_settings_here() -> Settings:
    """Return the settings; where machines are several, see that this one has the lake, too.

    Raises:
        SettingsError: when the settings are missing or wrong.
        LakeError: when there is no lake where the settings say: a new one would be made in its
            place, on this machine alone.
    """
    from smallhours.lake.migrations import refuse_missing
    from smallhours.lake.store import Lake

    settings = load_settings()
    if has_several_machines():
        refuse_missing(Lake(settings.lake.url))
    return settings
