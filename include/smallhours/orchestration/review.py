"""Approval of a list before it is published.

With `review = true`, the run stops at one of Airflow's human-in-the-loop tasks, which shows the
planned changes and their reasons. It waits for the configured hours, and then does what the
settings say. Without `review`, both tasks are skipped.
"""

import datetime as dt
import logging
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from smallhours.orchestration.connections import AirflowSecrets
from smallhours.orchestration.notices import ANSWER, APPROVE, SHOW_PLAN, StageSucceededNotifier
from smallhours.orchestration.scheduling import PartitionKey, night_of_task
from smallhours.orchestration.tasks import load_settings_here, one_line_errors
from smallhours.run_context import RunContext
from smallhours.settings import ReviewSettings, Settings

LOG = logging.getLogger(__name__)


@task(
    task_id=SHOW_PLAN,
    doc_md="Show what tonight's lists would change, for someone to approve.",
    on_success_callback=StageSucceededNotifier(),
)
def show_plan() -> str:
    """Return the changes in Markdown; skip the task when no review is wanted."""
    context = get_current_context()
    with one_line_errors():
        settings = load_settings_here()
        key = night_of_task(context, settings)
        person = settings.listener(key.listener)
        wanted = person.publishing.review and person.spotify and not context["params"]["dry_run"]
        if not wanted:
            raise AirflowSkipException("The settings ask for no review.")
        night = settings.night(key.listener, key.date)
        with RunContext(key.listener, night, settings, AirflowSecrets()) as run:
            shown = _shown(run)
    for line in shown.splitlines():
        LOG.info(line)
    context["ti"].xcom_push("subject", f"Publish the list of {key.listener} of {key.date}?")
    return shown


class ListApproval(ApprovalOperator):
    """The wait for an answer; one that keeps a list back is noted in the ledger, with its date."""

    def execute(self, context: Any) -> Any:
        """Ask, unless somebody answered already and the task was lost after that.

        When a person clears the task they are asked again: Airflow allows it more tries then.
        """
        ti = context["ti"]
        answer = ti.xcom_pull(task_ids=SHOW_PLAN, key=ANSWER)
        if answer is None or ti.max_tries > self.retries:
            return super().execute(context)
        answered_at = dt.datetime.fromisoformat(answer["responded_at"])
        return self.execute_complete(context, {**answer, "responded_at": answered_at})

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, or skip what follows."""
        answer = super().execute_complete(context, event)
        if answer["chosen_options"] == [self.REJECT]:
            with one_line_errors():
                settings = load_settings_here()
                note_rejection(night_of_task(context, settings), settings, event)
        return answer


def note_rejection(key: PartitionKey, settings: Settings, event: dict[str, Any]) -> None:
    """Note in the ledger that a list was rejected, or that nobody approved it in time.

    Args:
        key: The listener and the night.
        settings: For the listener's places and time zone.
        event: `responded_at`, and `responded_by_user`: None where nobody answered.
    """
    from smallhours.playlist.publish.ledger import record_failure

    person = settings.listener(key.listener)
    at = event["responded_at"].astimezone(ZoneInfo(person.timezone))
    answered = event["responded_by_user"] is not None
    why = f"{'You rejected it' if answered else 'Nobody had approved it'} on {at:%Y-%m-%d, %H:%M}."
    night = settings.night(key.listener, key.date)
    with RunContext(key.listener, night, settings, AirflowSecrets()) as run:
        for place in person.places:
            record_failure(run.lake, key.listener, night, place, why)


def approval(settings: Settings | None) -> Any:
    """Return the task that waits for approval."""
    review = settings.review if settings else ReviewSettings()
    return ListApproval(
        task_id=APPROVE,
        subject=f"{{{{ ti.xcom_pull(task_ids='{SHOW_PLAN}', key='subject') }}}}",
        body=f"{{{{ ti.xcom_pull(task_ids='{SHOW_PLAN}') }}}}",
        defaults="Approve" if review.unanswered == "publish" else "Reject",
        response_timeout=dt.timedelta(hours=review.hours),
        doc_md="Wait for somebody to approve tonight's lists, if the settings ask for it.",
    )


def _shown(run: RunContext) -> str:
    """Return every playlist's changes in Markdown."""
    from smallhours.playlist.publish.plan import as_markdown
    from smallhours.playlist.publish.stage import Publication

    parts = []
    listener = run.settings.listener(run.listener)
    for intent, playlist_settings in listener.playlists.items():
        for name, open_place in run.places.items():
            about = run.listener, run.lake, open_place(), run.settings, run.night, intent
            planned = Publication(*about).preview()
            stays = f"{planned.obstacle} It stays as it is.\n"
            shown = stays if planned.obstacle else as_markdown(planned)
            where = f" ({name})" if len(listener.places) > 1 else ""
            parts.append(f"**{playlist_settings.name}**{where}: {shown}")
    return "\n".join(parts)
