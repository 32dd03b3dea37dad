"""Tests of the profiler that counts files and frames, on a real client of the sandbox."""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.house import PRODUCT, Profiler
from smallhours.catalog.concurrent_fetch import Fetch, fetch_all
from smallhours.playlist import rollback
from smallhours.runs import stage_doc
from smallhours.services.set_aside import Tally
from smallhours.services.spotify_replies import SpotifyAccount
from tests.service_fixtures import ServiceFixture, household

__all__ = ["household"]

CLIENT = f"{PRODUCT}services/spotify.py"


@pytest.fixture
def profiler(household: ServiceFixture) -> Profiler:
    """Return a profiler after a call of `me`, which stands for a stage, in another thread."""
    made = Profiler(stages={"me"})
    with made.running("a_dag"), ThreadPoolExecutor(1) as pool:
        pool.submit(household.spotify.me).result()
    return made


def test_the_files_of_a_stage_are_those_between_its_call_and_its_return(
    profiler: Profiler,
) -> None:
    assert CLIENT in profiler.by_stage["me"]
    assert all(file.startswith(PRODUCT) for file in profiler.by_stage["me"])
    assert (CLIENT, "SpotifyClient.me") in profiler.calls["a_dag"]


def test_the_way_to_the_send_is_counted_from_the_stage(profiler: Profiler) -> None:
    assert set(profiler.http_depth) == {"spotify"}
    assert profiler.http_depth["spotify"] >= 3
    # The DAG's file, the client's, and the transport's.
    assert 3 <= profiler.dag_to_http_files["a_dag"] <= len(profiler.by_stage["me"]) + 1


def test_what_the_body_of_a_module_calls_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "body_that_calls.py").write_text(
        "from smallhours.playlist import rollback\n"
        "from smallhours.runs import stage_doc\n\nstage_doc(rollback)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    made = Profiler(stages=set())
    with made.running("a_dag"):
        importlib.import_module("body_that_calls")
        stage_doc(rollback)
    assert made.calls["a_dag"] == {(f"{PRODUCT}runs.py", "stage_doc")}
    loaded = Profiler(stages=set())
    sys.modules.pop("body_that_calls")
    with loaded.running("a_dag"):
        importlib.import_module("body_that_calls")
    assert not loaded.calls["a_dag"]


def test_frames_of_the_thread_that_gave_the_work_come_first(household: ServiceFixture) -> None:
    household.spotify.me()  # logs in
    alone, across = Profiler({"me"}), Profiler({"fetch_all"})
    with alone.running("a_dag"):
        household.spotify.me()
    with across.running("a_dag"):
        ask = Fetch[int, SpotifyAccount](
            call=lambda _: household.spotify.me,
            store=lambda _: None,
            missing=SpotifyAccount("", None, None),
            about=str,
        )
        fetch_all([1], ask, Tally())

    assert across.http_depth["spotify"] == alone.http_depth["spotify"] + 1
