"""Tests that stages leave the same lake as a quiet night, despite faults and kills."""

from collections.abc import Iterator

import pytest

from benchmarks.faults import DOCS, KILLS, cases, kills, table
from benchmarks.support.fault_bench import FaultBench, FaultCase, bench
from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.faults import Fault

pytestmark = pytest.mark.slow(seconds=3)

# One of each kind of fault, at the first stage that meets it; the benchmark runs all.
FEW = tuple({case.kind: case for case in reversed(cases())}.values())[::4]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultBench]:
    with bench(tmp_path_factory.mktemp("faults")) as ready:
        yield ready


@pytest.mark.parametrize("case", FEW, ids=str)
def test_nothing_is_lost_or_doubled_after(case: FaultCase, on: FaultBench) -> None:
    outcome = on.run_case(case)
    assert outcome.fired
    assert outcome.whole, outcome


@pytest.mark.parametrize("stage", KILLS)
def test_a_kill_while_writing_is_made_good_by_the_next_run(stage: str, on: FaultBench) -> None:
    outcomes = dict(kills(on, stage, every=7))
    assert outcomes
    assert [name for name, outcome in outcomes.items() if not outcome.whole] == []


def test_the_table_has_at_least_forty_distinct_cases() -> None:
    every = cases()
    assert len({str(case) for case in every}) == len(every) >= 40


def test_every_case_is_a_rule_that_the_sandbox_knows() -> None:
    for case in cases():
        assert Fault.from_json(case.rule).kind in KINDS


def test_the_page_shows_the_table_as_it_is() -> None:
    assert DOCS.read_text(encoding="utf-8") == table(), "run python -m benchmarks.faults --write"
