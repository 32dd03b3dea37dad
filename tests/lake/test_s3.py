"""Tests of a lake on S3, by processes that share nothing else, against moto's server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from smallhours.errors import LakeError
from smallhours.lake.download_cache import forget_downloads
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.private_files import open_to_others
from tests.lake.s3_server import BUCKET, CHECKOUT, WHY_SKIPPED, S3Server, is_installed, running_s3
from tests.lake.samples import MINE, play, plays

pytestmark = [
    pytest.mark.slow(seconds=3),
    pytest.mark.skipif(not is_installed(), reason=WHY_SKIPPED),
]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def url(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {**s3.environment, "XDG_CACHE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    s3.requests()
    yield f"s3://{BUCKET}/{uuid4()}"
    s3.misbehave("none")


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    folders = os.pathsep.join(str(CHECKOUT / part) for part in ("include", "."))
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": folders},
        stdout=subprocess.PIPE,
        text=True,
    )


WRITER = """if True:
    import sys
    from smallhours.lake.download_cache import forget_downloads
from smallhours.lake.store import Lake
    from smallhours.lake.tables import PLAYS
    from tests.lake.samples import MINE, play, plays

    lake, first = Lake(sys.argv[1]), int(sys.argv[2])
    lake.check_writable()
    for minute in range(first, first + 10):
        lake.merge(PLAYS, plays(play(minute)), partition=MINE)
"""


def test_processes_that_merge_into_one_partition_lose_no_row(url: str) -> None:
    writers = [start(WRITER, url, str(100 * each)) for each in range(4)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    assert len(Lake(url).read(PLAYS)) == 40


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_machine_asks_once_for_a_file_and_a_process_once_what_is_there(
    s3: S3Server, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, elsewhere: bool
) -> None:
    rows = plays(*(play(n, month=f"2026-{n + 1:02}") for n in range(12)))
    lake = Lake(url)
    lake.check_writable()
    lake.merge(PLAYS, rows, partition={"listener": "default"})
    s3.requests()

    if elsewhere:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of another machine"))
    lake = Lake(url)
    lake.check_writable()
    for _ in range(3):
        assert len(lake.read(PLAYS)) == 12
    lake.merge(PLAYS, plays(play(99)), partition=MINE)

    asked = [f"{method} {status}" for method, _, status in s3.requests()]
    files = ["GET 200"] * 12 if elsewhere else []
    assert sorted(asked) == sorted(["GET 200", "PUT 412", *files, "PUT 200"])


def test_what_a_machine_keeps_is_its_owners_alone_and_bounded(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake(url).merge(PLAYS, plays(play(0)), partition=MINE)
    kept = list((tmp_path / "smallhours").iterdir())
    assert len(kept) == 1
    assert open_to_others(tmp_path / "smallhours") == []

    monkeypatch.setattr("smallhours.lake.download_cache.MAX_BYTES", 0)
    Lake(url).merge(PLAYS, plays(play(1)), partition=MINE)
    assert not kept[0].exists()
    assert len(list((tmp_path / "smallhours").iterdir())) == 1

    forget_downloads()
    assert list((tmp_path / "smallhours").iterdir()) == []
    assert len(Lake(url).read(PLAYS)) == 2


def test_a_disk_that_takes_no_files_is_done_without(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    Lake(url).merge(PLAYS, plays(play(0)), partition=MINE)
    assert len(Lake(url).read(PLAYS)) == 1


def test_a_store_that_ignores_conditions_is_refused_in_a_sentence(s3: S3Server, url: str) -> None:
    s3.misbehave("careless")
    for _ in range(2):
        with pytest.raises(LakeError, match="ignores conditions on writes"):
            Lake(url).check_writable()
    s3.misbehave("none")
    Lake(url).check_writable()
    s3.misbehave("careless")
    with pytest.raises(LakeError, match="ignores conditions on writes"):
        Lake(url).check_writable()


def test_a_store_that_is_busy_is_waited_for(s3: S3Server, url: str) -> None:
    s3.misbehave("busy")
    reader = start(WRITER, url, "0")
    while not any(status == 503 for *_, status in s3.requests()):
        pass
    s3.misbehave("none")
    reader.communicate(timeout=120)
    assert reader.returncode == 0
    assert len(Lake(url).read(PLAYS)) == 10


def test_a_missing_bucket_is_named(url: str) -> None:
    del url
    with pytest.raises(LakeError, match=r"s3://no-such-bucket/.*NoSuchBucket"):
        Lake("s3://no-such-bucket/lake").check_writable()


HOLDER = """if True:
    import sys, time
    from smallhours.lake.leases import hold_lease
    from smallhours.lake.object_files import open_store

    with hold_lease(open_store(sys.argv[1]), ".locks/publishing/default", 1):
        print("held", flush=True)
        time.sleep(600)
"""


def test_a_killed_worker_frees_its_lock(url: str) -> None:
    from smallhours.lake.leases import hold_lease
    from smallhours.lake.object_files import open_store

    holder = start(HOLDER, url)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with hold_lease(open_store(url), ".locks/publishing/default", 1):
        pass


SPENDER = """if True:
    import sys
    from smallhours.errors import QuotaExceeded
    from smallhours.services.budget_state import budget_of
    from smallhours.services.retry_and_rate_limit import TokenBucket

    bucket = TokenBucket(50, calls_per_day=100, state=budget_of(sys.argv[1], "spotify"),
                         listener=sys.argv[2], listeners=4)
    made = 0
    try:
        while True:
            bucket.acquire()
            made += 1
    except QuotaExceeded:
        print(made)
"""


def test_processes_share_a_budget_equally_and_never_overdraw_it(url: str) -> None:
    spenders = [start(SPENDER, url, name) for name in "abcd" * 2]
    made = [int(spender.communicate(timeout=120)[0]) for spender in spenders]
    assert sum(made) == 100
    assert [made[each] + made[each + 4] for each in range(4)] == [25] * 4
