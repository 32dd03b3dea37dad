"""Benchmark of how far one has to read: the files of a night, and the time that the suite takes.

    python -m benchmarks.house
    python -m benchmarks.house --suite

The first form runs the nightly DAGs, the hourly poll and a rollback against a small sandbox world,
in this process and under a profiler. `files` and `functions` are those of include/smallhours that
were called in the four nightly DAGs; what runs while modules and DAGs are loaded does not count.
`files_by_stage` has those between a stage's call and its return. `http_depth` is the largest number
of our frames from a stage function to the socket, both included, and `dag_to_http_files` the
largest number of our files on that way, the DAG's own included. A thread's frames follow those of
the call that gave it its work.

The second form runs `make check` and `make test`, and says how long they took.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from xml.etree import ElementTree

from smallhours.runs import NIGHTLY
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from tests.airflow_home import settings_text

CHECKOUT = Path(__file__).resolve().parents[1]
PRODUCT = str(CHECKOUT / "include" / "smallhours") + os.sep
NIGHT = "2026-11-02"
LISTENER = "ada"
BESIDE_THE_NIGHT = ("poll_recent_plays", "rollback_playlist")
SLOWEST = 20
# The services by the paths at which the sandbox serves them.
SERVICES = {
    b"/2.0/": "lastfm",
    b"/v1/": "spotify",
    b"/api/token": "spotify",
    b"/reccobeats/": "reccobeats",
    b"/acousticbrainz/": "acousticbrainz",
}

Call = tuple[str, str]


class Profiler:
    """A profiler that notes which functions of the product are called, and the way to each send.

    Attributes:
        dag: The DAG that runs.
        calls: The (file, function) pairs that each DAG called.
        by_stage: The files that each stage called.
        http_depth: The most frames from a stage function to a send, by service.
        dag_to_http_files: The most files from a DAG to a send.
    """

    def __init__(self, stages: set[str]) -> None:
        self.dag = ""
        self.calls: dict[str, set[Call]] = defaultdict(set)
        self.by_stage: dict[str, set[str]] = defaultdict(set)
        self.http_depth: dict[str, int] = defaultdict(int)
        self.dag_to_http_files: dict[str, int] = defaultdict(int)
        self._stages = stages
        self._stage: FrameType | None = None
        self._product: dict[CodeType, bool] = {}
        self._submitted: dict[int, list[Call]] = {}

    @contextmanager
    def running(self, dag: str) -> Iterator[None]:
        """Profile all threads that begin in the block, and this one, for a DAG."""
        self.dag = dag
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _on_event(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            self._on_call(frame)
        elif event == "return":
            if frame is self._stage:
                self._stage = None
        elif event == "c_call" and arg.__name__ in ("send", "sendall"):
            self._on_send(frame, arg)

    def _on_call(self, frame: FrameType) -> None:
        code = frame.f_code
        if self._is_product(code):
            if self._stage is None and self._is_stage(code):
                self._stage = frame
            call = code.co_filename, code.co_qualname
            if call not in self.calls[self.dag] and not _is_being_loaded(frame):
                self.calls[self.dag].add(call)
            if self._stage is not None:
                self.by_stage[self._stage.f_code.co_name].add(code.co_filename)
        elif code.co_name == "submit" and code.co_filename.endswith("futures/thread.py"):
            self._submitted[id(frame.f_locals["fn"])] = self._way(frame)

    def _on_send(self, frame: FrameType, function: Any) -> None:
        if not isinstance(getattr(function, "__self__", None), socket.socket):
            return
        request = next((v for v in frame.f_locals.values() if isinstance(v, bytes)), b"")
        _, _, target = request.partition(b" ")
        service = next((name for path, name in SERVICES.items() if target.startswith(path)), None)
        way = self._way(frame)
        if service is None or not way:
            return
        files = {file for file, _ in way}
        most = max(self.dag_to_http_files[self.dag], len(files) + 1)
        self.dag_to_http_files[self.dag] = most
        began = [at for at, (_, name) in enumerate(way) if name in self._stages]
        if began:
            depth = len(way) - min(began)
            self.http_depth[service] = max(self.http_depth[service], depth)

    def _way(self, frame: FrameType | None) -> list[Call]:
        """Return the product's frames from the outermost to this one, across threads."""
        way: list[Call] = []
        while frame is not None:
            code = frame.f_code
            if self._is_product(code):
                way.append((code.co_filename, code.co_name))
            elif code.co_name == "run" and code.co_filename.endswith("futures/thread.py"):
                way.extend(reversed(self._submitted.get(id(frame.f_locals["self"].fn), [])))
            frame = frame.f_back
        return way[::-1]

    def _is_product(self, code: CodeType) -> bool:
        """Return whether code is a function's of the product, and no module's or class's body."""
        known = self._product.get(code)
        if known is None:
            known = code.co_filename.startswith(PRODUCT) and bool(code.co_flags & 1)
            self._product[code] = known
        return known

    def _is_stage(self, code: CodeType) -> bool:
        outside = ("orchestration", "cli")
        package = code.co_filename.removeprefix(PRODUCT).partition(os.sep)[0]
        return code.co_name in self._stages and package not in outside


def _is_being_loaded(frame: FrameType) -> bool:
    """Return whether the call comes from the body of a module that is being imported."""
    caller = frame.f_back
    while caller is not None:
        if caller.f_code.co_filename.startswith("<frozen importlib"):
            return True
        caller = caller.f_back
    return False


def night_figures() -> dict[str, object]:
    """Run the DAGs under the profiler and return the figures."""
    # Airflow reads its environment, which the import above has set, when it is imported.
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    world = generate_world(seed=1983, artists=120, tracks=1_000, scrobbles=3_000, generator=1)
    with tempfile.TemporaryDirectory() as folder, SandboxServer(SandboxState(world)) as server:
        settings = Path(folder) / "smallhours.toml"
        settings.write_text(settings_text(server.url, {LISTENER: LISTENER}), encoding="utf-8")
        os.environ |= _environment(settings, Path(folder) / "lake")
        dags = DagBag(dag_folder=str(CHECKOUT / "dags")).dags
        profiler = Profiler({task_name(each) for dag in dags.values() for each in dag.task_ids})
        for name in (*NIGHTLY, *BESIDE_THE_NIGHT):
            with profiler.running(name):
                run = dags[name].test(run_conf={"listener": LISTENER, "night": NIGHT})
            if run.state != "success":
                raise SystemExit(f"error: {name} ended as {run.state}; see above.")
    calls = set().union(*(profiler.calls[name] for name in NIGHTLY))
    by_stage = {stage: len(files) for stage, files in sorted(profiler.by_stage.items())}
    return {
        "files": len({file for file, _ in calls}),
        "functions": len(calls),
        "files_by_stage": by_stage,
        "http_depth": dict(sorted(profiler.http_depth.items())),
        "dag_to_http_files": dict(profiler.dag_to_http_files),
    }


def task_name(task_id: str) -> str:
    """Return a task's name without its group."""
    return task_id.rpartition(".")[2]


def _environment(settings: Path, lake: Path) -> dict[str, str]:
    spotify = {
        "conn_type": "spotify",
        "login": "sandbox-client",
        "password": "sandbox-secret",
        "extra": {"refresh_token": f"refresh-{LISTENER}"},
    }
    lastfm = {"conn_type": "lastfm", "password": "5a4d" * 8}
    return {
        "SMALLHOURS_SETTINGS": str(settings),
        "SMALLHOURS_LAKE": str(lake),
        f"AIRFLOW_CONN_LASTFM_{LISTENER.upper()}": json.dumps(lastfm),
        f"AIRFLOW_CONN_SPOTIFY_{LISTENER.upper()}": json.dumps(spotify),
    }


def suite_figures() -> dict[str, object]:
    """Run `make check` and `make test` and return the figures."""
    _make("setup")
    check_s, _ = _make("check")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        test_s, test_cpu_s = _make("test", PYTEST_ADDOPTS=f"--junitxml={report}")
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it
    seconds = {
        f"{case.get('classname')}::{case.get('name')}": float(case.get("time", 0)) for case in cases
    }
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:SLOWEST]
    skips = (case.find("skipped") for case in cases)
    return {
        "test_s": round(test_s, 1),
        "test_cpu_s": round(test_cpu_s, 1),
        "check_s": round(check_s, 1),
        "tests": len(cases),
        "skipped": sum(
            1 for skip in skips if skip is not None and skip.get("type") != "pytest.xfail"
        ),
        "slowest": [[name, round(took, 1)] for name, took in slowest],
    }


def _make(target: str, **environment: str) -> tuple[float, float]:
    """Make a target; return the seconds that it took, and those of its processes' CPU time.

    Raises:
        SystemExit: when it fails; its own output is above.
    """
    began, before = time.perf_counter(), _cpu_s()
    done = subprocess.run(
        ["make", target],  # noqa: S607 - the developer's own
        cwd=CHECKOUT,
        env=os.environ | environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"error: `make {target}` failed; see above.")
    return time.perf_counter() - began, _cpu_s() - before


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one form and end with the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", action="store_true", help="run the tests and say how long")
    figures = suite_figures() if parser.parse_args().suite else night_figures()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
