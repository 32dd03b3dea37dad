"""The ingest benchmark's counting; and that a killed stage repeats few calls."""

from pathlib import Path

import pytest

from benchmarks.ingest import measure_kills, repeated
from benchmarks.support.ingest_stages import RecordedCall, RecordingServer
from smallhours.catalog.concurrent_fetch import MAX_UNSTORED
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.state import SandboxState


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ([RecordedCall("a", 1.0, 1.3), RecordedCall("b", 1.1, 1.4)], (0, 0)),
        (
            [RecordedCall("a", 1.0, 1.3), RecordedCall("a", 3.0, 3.3)],
            (1, 0),
        ),  # it was answered before the kill
        ([RecordedCall("a", 1.0), RecordedCall("a", 3.0, 3.3)], (0, 1)),
        (
            [RecordedCall("a", 1.0, 2.4), RecordedCall("a", 3.0, 3.3)],
            (0, 1),
        ),  # the answer met nobody
        ([RecordedCall("a", 1.0), RecordedCall("a", 3.0, 3.3), RecordedCall("a", 4.0)], (1, 1)),
    ],
)
def test_an_answer_that_was_sent_is_told_from_one_under_way(
    asked: list[RecordedCall], counts: tuple[int, int]
) -> None:
    again, under_way = repeated(asked, killed=[2.0])
    assert (again.total(), under_way) == counts


def test_a_call_with_many_ids_counts_once() -> None:
    asked = [RecordedCall(each, at, at + 0.3) for at in (1.0, 3.0) for each in "abc"]
    assert repeated(asked, killed=[2.0]) == ({1: 1}, 0)


def test_answers_that_were_lost_are_counted_for_each_kill() -> None:
    times = [(1.0, "a"), (1.1, "b"), (3.0, "a"), (3.1, "b"), (5.0, "a"), (5.1, "c")]
    asked = [RecordedCall(question, at, at + 0.3) for at, question in times]
    again, under_way = repeated(asked, killed=[2.0, 4.0])
    assert dict(again) == {1: 2, 2: 1}
    assert under_way == 0


@pytest.mark.slow(seconds=40)
def test_a_killed_stage_repeats_at_most_ten_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = generate_world(seed=7, artists=60, tracks=600, scrobbles=5_000)
    with RecordingServer(SandboxState(world)) as server:
        verbs = ("sync_scrobbles", "fetch_neighbours")
        # Slow enough that a busy machine stores five answers while five more are asked for.
        again = measure_kills(server, world, tmp_path, times=2, verbs=verbs, rate=4.0)
    assert again <= MAX_UNSTORED
    said = capsys.readouterr().out
    assert "fetch_neighbours: 2 kills" in said
