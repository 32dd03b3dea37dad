"""How does a stage become an Airflow task, and what does the task's log say?

A task calls one stage function and logs its counts. When that fails on purpose, the log gets one
line with what happened and what to do, without a traceback; the retry policy then does what the
error calls for: a passing fault is tried again, a rate limit moves the task to when it is over,
and what only a person can put right fails at once.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow.sdk import Asset, get_current_context, task
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from smallhours.errors import BrokenReply, RetryLater, SmallhoursError
from smallhours.provider.assets import PartitionKey
from smallhours.provider.connections import SERVICES, AirflowSecrets, Service, missing_logins
from smallhours.provider.notices import after_publishing, set_aside, tell, telling
from smallhours.runs import STAGES, Run, Stage, readable
from smallhours.schedule import Schedule
from smallhours.settings import Settings, load_settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# A wait up to this long is a retry; a longer one gives the worker back to others until it is over.
LONGEST_RETRY = dt.timedelta(minutes=1)

# A service that is down for a whole day has missed the night; the next one makes up for it.
LONGEST_RUN = dt.timedelta(days=1)


class StageStopped(SystemExit):
    """Ends a task after its error was logged.

    Airflow logs any other exception once more, with the traceback of what the log already says in
    a sentence.

    Attributes:
        decision: What is to become of the task.
    """

    def __init__(self, decision: RetryDecision) -> None:
        super().__init__(1)
        self.decision = decision


class AsTheErrorSays(RetryPolicy):
    """Retries what may pass, fails what will not; anything unforeseen as the DAG says."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """The decision that came with the error."""
        del try_number, max_tries, context
        return exception.decision if isinstance(exception, StageStopped) else RetryDecision()

    def serialize(self) -> dict[str, Any]:
        """There is nothing to configure."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "AsTheErrorSays":
        """There is nothing to configure."""
        del data
        return cls()


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "smallhours",
    "retries": 2,
    "retry_delay": dt.timedelta(seconds=30),
    "retry_policy": AsTheErrorSays(),
}

# What all DAGs have in common. They are live as soon as they exist: Airflow pauses a new DAG unless
# it says otherwise, and a night that nobody switched on never comes.
DAG_DEFAULTS: dict[str, Any] = {
    "default_args": DEFAULT_ARGS,
    "dagrun_timeout": LONGEST_RUN,
    "is_paused_upon_creation": False,
    "tags": ["smallhours"],
}


def stage(
    verb: str,
    *,
    night: Any = None,
    outlets: Sequence[Asset] = (),
    trigger_rule: str = "all_success",
) -> Any:
    """A task that runs one stage.

    Args:
        verb: The stage, which also names the task.
        night: The partition key of the listener's night, where the DAG maps over several; else
            it comes from the run: its partition key, or the form.
        outlets: What others may build on once it is done.
        trigger_rule: Of the tasks before it.

    Returns:
        The task, to be put in order with others.
    """
    definition = STAGES[verb]

    @task(
        task_id=verb,
        doc_md=definition.doc,
        outlets=list(outlets),
        trigger_rule=trigger_rule,
        # Names the listener and the night of a mapped task, before it runs.
        map_index_template="{{ task.op_kwargs['night'] }}" if night is not None else None,
    )
    def run_stage(night: str | None) -> Summary:
        context = get_current_context()
        with plain_errors():
            settings = load_settings()
            key = PartitionKey.parse(night) if night else chosen_night(context, settings)
            with telling(settings, key.listener):
                summary = run_one(definition, key, settings, context)
            tell(settings, key.listener, set_aside(key.listener, summary))
            if verb == "publish_playlist":
                after_publishing(settings, key.listener, key.date, summary)
        for outlet in outlets:
            context["outlet_events"][outlet].add_partitions(str(key))
        return summary

    return run_stage(night=night)


@task(task_id="choose_nights", doc_md="Which listeners' nights this run is about.")
def choose_nights(cron: str, services: Sequence[Service] = SERVICES) -> list[str]:
    """Return the partition keys of this run: the listener of the form, else every one.

    Args:
        cron: When the DAG starts; a scheduled run that a later start has overtaken is skipped.
        services: Where a listener must have logged in; whoever has not is left out.

    Raises:
        AirflowSkipException: when there is no night to run.
    """
    context = get_current_context()
    with plain_errors():
        settings = load_settings()
        if is_overtaken(context["dag_run"], cron, settings.schedule):
            raise AirflowSkipException("The machine was off at this hour; the newest night runs.")
        chosen = context["params"].get("listener")
        keys = [
            str(PartitionKey(name, _date(name, context, settings)))
            for name in ([chosen] if chosen else settings.listeners)
            if _has_logged_in(name, settings, services)
        ]
    if not keys:
        raise AirflowSkipException("Nobody has logged in yet.")
    LOG.info("Nights: %s", ", ".join(keys))
    return keys


def is_overtaken(dag_run: Any, cron: str, schedule: Schedule) -> bool:
    """Return whether a scheduled run is so late that the next one is due, too."""
    scheduled = dag_run.run_type == "scheduled"
    now = dt.datetime.now(dt.UTC)
    return scheduled and schedule.next_start(cron, dag_run.run_after) <= now


def _has_logged_in(listener: str, settings: Settings, services: Sequence[Service]) -> bool:
    """Return whether a listener's night can begin; tell in the log what they have yet to do.

    Once a list was published, a missing login is an error that the stages raise: then it was there
    before, and its listener has to be told.
    """
    from smallhours.lake.store import Lake
    from smallhours.lake.tables import PLAYLISTS

    if not (missing := missing_logins(listener, settings, services)):
        return True
    if any(part["listener"] == listener for part in Lake(settings.lake.url).partitions(PLAYLISTS)):
        return True
    commands = " and ".join(f"`smallhours login {each} --listener {listener}`" for each in missing)
    LOG.info("%s has not logged in to all services yet: run %s.", listener, commands)
    return False


def chosen_night(context: Any, settings: Settings) -> PartitionKey:
    """The listener and the night of a run: of its partition key, else of its form.

    An empty form means the first listener of the settings, and the night into which the run's
    start falls for them.
    """
    if key := context["dag_run"].partition_key:
        return PartitionKey.parse(key)
    listener = context["params"].get("listener") or next(iter(settings.listeners))
    return PartitionKey(listener, _date(listener, context, settings))


def run_one(definition: Stage, key: PartitionKey, settings: Settings, context: Any) -> Summary:
    """Run a stage for one night and log its counts."""
    night = settings.night(key.listener, key.date)
    started = dt.datetime.fromtimestamp(context["dag_run"].run_after.timestamp(), dt.UTC)
    if settings.listener(key.listener).night_at(started).date == night.date:
        # The night is not over yet: history ends when the run starts, and stays so on a retry.
        night = replace(night, as_of=min(night.as_of, started))
    params = context["params"]
    options = {name: params[name] for name in definition.options if params.get(name) is not None}
    LOG.info("%s for %s, night %s", definition.verb, key.listener, night.date)
    with Run(key.listener, night, settings, AirflowSecrets()) as run:
        summary = definition(run, **options)
    for line in readable(summary):
        LOG.info(line)
    return summary


@contextmanager
def plain_errors() -> Iterator[None]:
    """Log an error of ours as one line, and end the task as the error calls for."""
    try:
        yield
    except RetryLater as error:
        LOG.error("%s", error)
        wait = dt.timedelta(seconds=error.after)
        if wait > LONGEST_RETRY:
            when = dt.datetime.now(dt.UTC) + wait
            LOG.info("Trying again at %s UTC.", f"{when:%Y-%m-%d %H:%M:%S}")
            raise AirflowRescheduleException(when) from None  # type: ignore[no-untyped-call]
        raise StageStopped(RetryDecision.retry(wait, error.what)) from None
    except BrokenReply as error:
        LOG.error("%s", error)
        raise StageStopped(RetryDecision.retry(reason=error.what)) from None
    except SmallhoursError as error:
        LOG.error("%s", error)
        raise StageStopped(RetryDecision.fail()) from None


def _date(listener: str, context: Any, settings: Settings) -> str:
    chosen = context["params"].get("night")
    if chosen:
        return str(settings.night(listener, chosen).date)
    return str(settings.listener(listener).night_at(context["dag_run"].run_after).date)
