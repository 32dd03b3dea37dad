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


def test_there_are_more_than_sixty_cases_none_twice(
    on: tuple[PublishBench, list[PublishCase]],
) -> None:
    _, every = on
    assert len({str(case) for case in every}) == len(every) > 60


def test_the_page_shows_the_table_as_it_is(on: tuple[PublishBench, list[PublishCase]]) -> None:
    _, every = on
    written = DOCS.read_text(encoding="utf-8")
    assert written == table(every), "run python -m benchmarks.publish_faults --write"
