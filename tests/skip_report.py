"""Pytest plugin: which tests were skipped and why, and tests that must not be skipped.

The reasons are listed right above pytest's closing line. `--must-run PART` makes the run fail when
a test is skipped whose name contains PART.
"""

from collections import defaultdict
from pathlib import Path

import pytest

# The exit code of a run in which a test was skipped that must not be.
MUST_RUN_SKIPPED = 9


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--must-run`."""
    parser.addoption(
        "--must-run",
        action="append",
        default=[],
        metavar="PART",
        help="fail when a test whose name contains PART is skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the report where the results arrive: not in the workers of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipReport(config.getoption("--must-run")), "skip_report")


class SkipReport:
    """The skipped tests of a run, by reason.

    Args:
        must_run: Parts of the names of tests that must not be skipped.
    """

    def __init__(self, must_run: list[str]) -> None:
        self._must_run = must_run
        self._by_reason: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._by_reason[reason_of(report)].append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that is skipped as a whole."""
        if report.skipped:
            self._by_reason[reason_of(report)].append(report.nodeid)

    def refused(self) -> list[str]:
        """Return the skipped tests that must not be skipped."""
        skipped = sorted(test for tests in self._by_reason.values() for test in tests)
        return [test for test in skipped if any(part in test for part in self._must_run)]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run in which a test was skipped that must not be."""
        if self.refused() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = MUST_RUN_SKIPPED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the reasons, the most frequent first."""
        for test in self.refused():
            terminalreporter.write_line(f"must not be skipped: {test}", red=True)
        if not self._by_reason:
            return
        terminalreporter.write_line("skipped, by reason:")
        for reason, tests in sorted(self._by_reason.items(), key=lambda item: -len(item[1])):
            terminalreporter.write_line(f"{len(tests):5}  {reason}  ({modules_of(tests)})")


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason of a skip, without pytest's prefix."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ")


def modules_of(tests: list[str]) -> str:
    """Return the names of the tests' modules."""
    return ", ".join(sorted({Path(test.partition("::")[0]).name for test in tests}))
