"""Tests that crashes, faults and edits by the listener leave the playlist whole.

A few of the cases of each kind; `python -m benchmarks.publish_faults` plays all.
"""

from collections.abc import Iterator

import pytest

from benchmarks.publish_faults import DOCS, PublishBench, open_bench
from benchmarks.support.publish_cases import PublishCase, representative, table


@pytest.fixture(scope="module")
def on(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[PublishBench, list[PublishCase]]]:
    with open_bench(tmp_path_factory.mktemp("publishing")) as ready:
        yield ready


@pytest.mark.slow(seconds=60)
def test_the_playlist_is_whole_after_each_of_a_few(
    on: tuple[PublishBench, list[PublishCase]],
) -> None:
    stage, every = on
    few = representative(every)
    assert len(few) >= 20
    outcomes = {str(case): stage.play(case) for case in few}
    assert {name: outcome for name, outcome in outcomes.items() if not outcome.good} == {}


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize(
    "what", ["removes a track of tonight's", "puts a track of yesterday's back", "moves a track"]
)
def test_an_edit_just_before_any_move_is_kept(
    on: tuple[PublishBench, list[PublishCase]], what: str
) -> None:
    stage, _ = on
    requests, _ = stage.quiet("ranked again")
    moves = [number for number, sent in enumerate(requests, 1) if sent.startswith("PUT ")]
    assert len(moves) > 1
    cases = [PublishCase("ranked again", "edit", what=what, at=number) for number in moves]
    outcomes = {str(case): stage.play(case) for case in cases}
    assert {name: outcome for name, outcome in outcomes.items() if not outcome.good} == {}


def test_there_are_more_than_sixty_cases_none_twice(
    on: tuple[PublishBench, list[PublishCase]],
) -> None:
    _, every = on
    assert len({str(case) for case in every}) == len(every) > 60


def test_the_page_shows_the_table_as_it_is(on: tuple[PublishBench, list[PublishCase]]) -> None:
    _, every = on
    written = DOCS.read_text(encoding="utf-8")
    assert written == table(every), "run python -m benchmarks.publish_faults --write"
