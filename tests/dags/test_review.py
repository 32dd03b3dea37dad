"""Tests of a whole night through the four DAGs, and of the approval of a list."""

from collections.abc import Callable
from typing import Any

import pytest

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.runs import NIGHTLY
from tests.airflow_home import NIGHT, AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult, load_dag
from tests.notice_receiver import NoticeReceiver, messenger

__all__ = ["messenger"]

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=10),
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
]

RunDag = Callable[..., DagRunResult]


def ask_for_review(airflow_install: AirflowInstall, more: str = "") -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    reviewed = "[listeners.ada]\npublishing = { review = true }"
    airflow_install.write_settings(text.replace("[listeners.ada]", reviewed) + more)


def write_playlist(**form: Any) -> Any:
    """Run the DAG and approve at once."""
    return load_dag("write_playlist").test(run_conf=form, mark_success_pattern="approve")


def test_the_four_dags_bring_a_playlist_at_once_or_when_it_is_approved(
    run_dag: RunDag, synced: AirflowInstall, messenger: NoticeReceiver
) -> None:
    text = synced.settings.read_text(encoding="utf-8")
    synced.write_settings(f'{text}[notices]\nconnection = "messenger"\n')
    for dag in NIGHTLY:
        outcome = run_dag(dag, listener="ada", night=NIGHT)
        assert outcome.succeeded, outcome.errors

    written = synced.lake.frame(PLAYLISTS, where={"listener": "ada"}).iloc[-1]
    playlists = synced.sandbox.state.playlists
    assert [item.uri for item in playlists[written["playlist_id"]].items] == list(written["uris"])
    (told,) = messenger.got
    assert told["title"] == f"Smallhours: {len(written['uris'])} tracks for ada"
    assert written["playlist_id"] in told["message"]
    assert outcome.states["show_plan", -1] == "skipped"
    assert outcome.states["approve", -1] == "skipped"
    assert outcome.states["publish_playlist", -1] == "success"

    ask_for_review(synced)
    finished = write_playlist(listener="ada", night="2026-11-03")

    tasks = {task.task_id: task for task in finished.get_task_instances()}
    assert tasks["show_plan"].state == "success"
    shown = tasks["show_plan"].xcom_pull(task_ids="show_plan")
    assert "**Smallhours**" in shown
    assert "| + | " in shown
    assert tasks["publish_playlist"].state == "success"
    assert len(synced.lake.frame(PLAYLISTS, where={"listener": "ada"})) == 2
    waits, published = messenger.got[1:]
    assert waits["title"] == "Smallhours: tonight's list for ada waits for you"
    assert "**" not in waits["message"]
    assert "after 6 hours without an answer" in waits["message"]
    assert published["title"].endswith("tracks for ada")


def test_the_wait_and_what_follows_it_are_settings(
    airflow_install: AirflowInstall, airflow_db: None
) -> None:
    del airflow_db
    ask_for_review(airflow_install, '[review]\nhours = 2\nunanswered = "keep"\n')

    approve = load_dag("write_playlist").get_task("approve")

    assert approve.response_timeout.total_seconds() == 7_200
    assert approve.defaults == ["Reject"]
