"""What Last.fm's rule of December 2026 means for a key: paid, unpaid, not told, and refused."""

import datetime as dt
from collections.abc import Iterator

import pytest
import requests

from smallhours.errors import Refused, ServiceError
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_pro import PRO_ONLY_FROM, key_outlook
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, unlimited_rate

THE_DAY_BEFORE = PRO_ONLY_FROM - dt.timedelta(days=1)


@pytest.fixture
def lastfm(sandbox: SandboxServer, fake_sleep: FakeSleep) -> Iterator[LastfmClient]:
    with LastfmClient(
        LASTFM_API_KEY,
        api_url=sandbox.lastfm_url,
        calls_per_second=4,
        timeout_s=2,
        rate_limit=unlimited_rate(),
        retry_policy=fake_sleep.retry_policy,
        listener="ada",
    ) as client:
        yield client


def steer(sandbox: SandboxServer, route: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/{route}", json=body, timeout=10)
    assert answer.ok, answer.text


@pytest.mark.parametrize(
    ("says", "subscriber"),
    [("1", True), ("0", False), ("true", True), (None, None), ("", None), ("perhaps", None)],
)
def test_a_subscription_is_read_in_any_form(
    lastfm: LastfmClient, sandbox: SandboxServer, says: str | None, subscriber: bool | None
) -> None:
    steer(sandbox, "subscriber", {"listener": "ada", "says": says})

    assert lastfm.user_info("ada").subscriber is subscriber


@pytest.mark.parametrize(
    ("says", "today", "lasting", "what"),
    [
        ("1", THE_DAY_BEFORE, True, "ada pays for Last.fm Pro"),
        ("1", PRO_ONLY_FROM, True, "ada pays for Last.fm Pro"),
        ("0", THE_DAY_BEFORE, False, "doesn't pay for Last.fm Pro. From 1 December 2026 on"),
        ("0", PRO_ONLY_FROM, False, "doesn't pay for Last.fm Pro. Since 1 December 2026"),
        (None, THE_DAY_BEFORE, False, "doesn't say whether ada pays for Last.fm Pro. From"),
        (None, PRO_ONLY_FROM, False, "doesn't say whether ada pays for Last.fm Pro. Since"),
    ],
)
def test_the_outlook_is_told_before_the_day_and_after_it(
    lastfm: LastfmClient,
    sandbox: SandboxServer,
    says: str | None,
    today: dt.date,
    lasting: bool,
    what: str,
) -> None:
    steer(sandbox, "subscriber", {"listener": "ada", "says": says})

    outlook = key_outlook(lastfm.user_info("ada"), today=today)

    assert outlook.lasting is lasting
    assert what in outlook.what
    assert bool(outlook.remedy) is not lasting


@pytest.mark.parametrize(
    ("rule", "error"),
    [({}, Refused), ({"code": 26}, Refused), ({"code": 4}, Refused), ({"code": 0}, Refused)],
)
def test_a_key_that_is_no_longer_paid_for_says_what_to_do(
    lastfm: LastfmClient, sandbox: SandboxServer, rule: dict[str, object], error: type[ServiceError]
) -> None:
    steer(sandbox, "faults", {"kind": "unpaid_key", "since": "2000-01-01", **rule})

    with pytest.raises(error, match=r"pays for Last\.fm Pro.*smallhours import-history") as raised:
        lastfm.user_info("ada")

    assert LASTFM_API_KEY not in str(raised.value)
