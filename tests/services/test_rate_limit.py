"""Tests that the rate limit is used fully and never exceeded, by threads and by processes."""

import itertools
import multiprocessing
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import QuotaExceeded
from smallhours.services.budget_state import budget_of
from smallhours.services.retry_and_rate_limit import TokenBucket, shared_rate_limit


class FakeClock:
    """A clock that only moves when `sleep` is called."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def starts(bucket: TokenBucket, clock: FakeClock, calls: int) -> list[float]:
    moments = []
    for _ in range(calls):
        bucket.acquire()
        moments.append(clock.now)
    return moments


def test_calls_start_evenly() -> None:
    clock = FakeClock(now=0.0)
    bucket = TokenBucket(4, clock=clock, sleep=clock.sleep)
    assert starts(bucket, clock, 5) == [0, 0.25, 0.5, 0.75, 1.0]


def test_a_burst_is_allowed_after_a_pause_and_paid_for_afterwards() -> None:
    clock = FakeClock()
    begin = clock.now
    bucket = TokenBucket(2, burst=3, clock=clock, sleep=clock.sleep)
    assert [at - begin for at in starts(bucket, clock, 5)] == [0, 0, 0, 0.5, 1.0]


@given(
    rate=st.floats(0.5, 50),
    burst=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 3), min_size=2, max_size=40),
)
def test_no_span_of_time_holds_more_calls_than_the_budget(
    rate: float, burst: int, pauses: list[float]
) -> None:
    clock = FakeClock(now=0.0)
    bucket = TokenBucket(rate, burst, clock=clock, sleep=clock.sleep)
    moments = []
    for pause in pauses:
        clock.now += pause
        bucket.acquire()
        moments.append(clock.now)
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            span = moments[last] - moments[first]
            assert last - first + 1 <= burst + rate * span + 1e-6


def test_several_threads_use_all_of_the_rate_and_no_more() -> None:
    threads, waits = 16, []
    together = threading.Barrier(threads)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        together.wait(60)  # breaks, unless all threads wait at the same time

    bucket = TokenBucket(200, clock=FakeClock(now=0.0), sleep=sleep)
    bucket.acquire()
    with ThreadPoolExecutor(threads) as pool:
        for call in [pool.submit(bucket.acquire) for _ in range(threads)]:
            call.result()
    assert sorted(waits) == pytest.approx([at / 200 for at in range(1, threads + 1)])


def _spend(state_file: Path, log: Path, calls: int) -> None:
    clock, waits = FakeClock(now=0.0), [0.0]
    bucket = TokenBucket(200, state_file=state_file, clock=clock, sleep=waits.append)
    moments = []
    for _ in range(calls):
        waits.append(0.0)
        bucket.acquire()
        moments.append(waits[-1])
    log.write_text("\n".join(map(str, moments)))


def test_processes_share_one_budget_through_the_state_file(tmp_path: Path) -> None:
    state_file = tmp_path / "budgets" / "lastfm"
    logs = [tmp_path / "one", tmp_path / "two"]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_spend, args=(state_file, log, 100)) for log in logs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    moments = sorted(float(line) for log in logs for line in log.read_text().split())
    assert moments == pytest.approx([at / 200 for at in range(200)])


def test_two_buckets_over_one_file_alternate(tmp_path: Path) -> None:
    clock = FakeClock()
    begin = clock.now
    ours, theirs = (
        TokenBucket(2, state_file=tmp_path / "s", clock=clock, sleep=clock.sleep) for _ in range(2)
    )
    moments = []
    for bucket in (ours, theirs, ours, theirs):
        bucket.acquire()
        moments.append(clock.now - begin)
    assert moments == [0, 0.5, 1.0, 1.5]


def test_a_damaged_state_file_starts_afresh_after_a_second(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s").write_bytes(b'{"next_at": 17')
    clock = FakeClock()
    begin = clock.now
    bucket = TokenBucket(2, state_file=tmp_path / "s", clock=clock, sleep=clock.sleep)
    bucket.acquire()
    assert clock.now - begin == 1
    assert "damaged" in caplog.text
    bucket.acquire()
    assert clock.now - begin == 1.5


def test_a_clock_that_was_set_back_does_not_stall_the_night() -> None:
    clock = FakeClock()
    bucket = TokenBucket(2, clock=clock, sleep=clock.sleep)
    bucket.acquire()
    clock.now -= 86_400
    before = clock.now
    bucket.acquire()
    assert clock.now == before


def test_the_daily_limit_ends_in_an_error_that_says_when_it_renews() -> None:
    clock = FakeClock()
    bucket = TokenBucket(1000, service="Spotify", calls_per_day=3, clock=clock, sleep=clock.sleep)
    for _ in range(3):
        bucket.acquire()
    bucket.acquire(metered=False)
    with pytest.raises(QuotaExceeded, match="all 3 calls") as caught:
        bucket.acquire()
    assert 23 * 3600 < caught.value.after <= 25 * 3600
    assert bucket.used() == 3
    clock.now += caught.value.after
    bucket.acquire()
    assert bucket.used() == 1


def test_the_daily_limit_outlives_the_process(tmp_path: Path) -> None:
    for _ in range(2):
        TokenBucket(1000, calls_per_day=2, state_file=tmp_path / "s").acquire()
    with pytest.raises(QuotaExceeded):
        TokenBucket(1000, calls_per_day=2, state_file=tmp_path / "s").acquire()


def test_one_process_has_one_bucket_per_service_and_rate() -> None:
    assert shared_rate_limit("A", 4) is shared_rate_limit("A", 4)
    assert shared_rate_limit("A", 4) is not shared_rate_limit("B", 4)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive rate"):
        TokenBucket(0)


def made(bucket: TokenBucket) -> int:
    """The calls until the day's are used up."""
    for calls in itertools.count():
        try:
            bucket.acquire()
        except QuotaExceeded:
            return calls
    raise AssertionError


def test_each_listener_has_an_equal_part_of_the_day(tmp_path: Path) -> None:
    ada, ben = (
        TokenBucket(1e6, calls_per_day=11, state_file=tmp_path / "s", listener=name, listeners=2)
        for name in ("ada", "ben")
    )
    assert made(ada) == 6  # what can't be divided goes to who comes first
    assert made(ben) == 5
    with pytest.raises(QuotaExceeded, match="ada's part of the 11 calls"):
        ada.acquire()


def test_what_a_listener_left_of_their_part_is_free_when_their_night_is_over(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    ada, ben = (
        TokenBucket(
            1e6,
            calls_per_day=10,
            state_file=tmp_path / "s",
            clock=clock,
            listener=name,
            listeners=2,
        )
        for name in ("ada", "ben")
    )
    ada.acquire()
    assert made(ben) == 5
    clock.now += 2 * 3600
    assert made(ben) == 4


def test_a_listener_who_left_keeps_no_part_of_the_day(tmp_path: Path) -> None:
    gone = TokenBucket(1e6, calls_per_day=10, state_file=tmp_path / "s", listener="ben")
    gone.acquire()
    ada = TokenBucket(1e6, calls_per_day=10, state_file=tmp_path / "s", listener="ada")
    assert made(ada) == 9


def test_a_state_of_an_earlier_version_goes_on_counting(tmp_path: Path) -> None:
    now = 1_800_000_000
    (tmp_path / "s").write_text(f'{{"next_at": 0, "hours": {{"{now // 3600}": 3}}}}')
    bucket = TokenBucket(1e6, calls_per_day=5, state_file=tmp_path / "s", clock=lambda: now)
    assert made(bucket) == 2


def test_a_worker_reserves_calls_ahead_and_gives_back_what_it_did_not_make(tmp_path: Path) -> None:
    budget = budget_of(f"memory://{tmp_path}", "spotify")
    ours, theirs = (
        TokenBucket(1e6, calls_per_day=40, state=budget, listener="ada") for _ in range(2)
    )
    for _ in range(20):
        ours.acquire()
    assert ours.used() > 20
    ours.give_back()
    assert ours.used() == 20
    assert made(theirs) == 20


@given(pauses=st.lists(st.tuples(st.integers(0, 1), st.floats(0, 8)), max_size=60))
def test_workers_that_reserve_ahead_keep_to_the_rate_together(
    pauses: list[tuple[int, float]],
) -> None:
    clock = FakeClock()
    budget = budget_of(f"memory://{uuid.uuid4()}", "lastfm")
    workers = [TokenBucket(4, state=budget, clock=clock, sleep=clock.sleep) for _ in range(2)]
    moments = []
    for worker, pause in pauses:
        clock.now += pause
        workers[worker].acquire()
        moments.append(clock.now)
    for earlier, later in itertools.pairwise(moments):
        assert later - earlier >= 0.25 - 1e-6
