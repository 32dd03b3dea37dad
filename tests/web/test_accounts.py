"""Tests of the Accounts page: connect, try, replace and disconnect, against the sandbox."""

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from fastapi import FastAPI
from fastapi.testclient import TestClient

from smallhours.orchestration.connections import AirflowSecrets, Service
from smallhours.orchestration.notices import check_notices
from smallhours.settings import load_settings
from smallhours.web.app import PREFIX, create_app
from tests.airflow_home import AirflowInstall, airflow_db, airflow_install
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS
from tests.notice_receiver import NoticeReceiver
from tests.web.conftest import PageVisitor, form_token

__all__ = ["airflow_db", "airflow_install"]

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.usefixtures("airflow_db"),
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
]

KEY = "5a4d" * 8
SECRET_TEXTS = (KEY, "sandbox-secret", "refresh-")
SERVICES: tuple[Service, ...] = ("spotify", "lastfm", "listenbrainz", "subsonic")


@pytest.fixture
def visitor(airflow_install: AirflowInstall) -> Iterator[PageVisitor]:
    """Return a visitor of Ada's pages, who has no connection yet."""
    for name in ("lastfm_ada", "spotify_ada"):
        airflow_install.unset_connection(name)
    yield PageVisitor(airflow_install.lake)
    for service in SERVICES:
        AirflowSecrets().disconnect(service, "ada")


def open_browser(visitor: PageVisitor, base_url: str) -> TestClient:
    outer = FastAPI()
    outer.mount(PREFIX, create_app(visitor.airflow_bridge()))
    return TestClient(outer, base_url=base_url, follow_redirects=False)


@pytest.fixture
def browser(visitor: PageVisitor) -> TestClient:
    return open_browser(visitor, "http://127.0.0.1:8080")


def send(browser: TestClient, where: str, **fields: str) -> tuple[int, str]:
    data = {"listener": "ada", "form_token": form_token(), **fields}
    answer = browser.post(f"{PREFIX}/accounts/{where}", data=data)
    shown = html.unescape(answer.text)
    assert not any(secret in shown for secret in SECRET_TEXTS)
    return answer.status_code, shown


def begin(browser: TestClient, **app: str) -> tuple[str, str]:
    """Begin a login to Spotify; return the address of Spotify's page, and our page."""
    fields = {"client_id": "sandbox-client", "client_secret": "sandbox-secret", **app}
    status, page = send(browser, "spotify/begin", **fields)
    assert status == 200, page
    found = re.search(r'href="([^"]*/authorize\?[^"]*)"', page)
    assert found
    return found[1], page


def agree(url: str, **answer: str) -> str:
    """Return the address to which Spotify leads a person who agrees."""
    reply = requests.get(url, timeout=10, allow_redirects=False, params=answer)
    return str(reply.headers["location"])


def test_spotify_is_connected_through_the_page(browser: TestClient) -> None:
    url, page = begin(browser)
    back = agree(url)
    assert back.startswith(f"http://127.0.0.1:8080{PREFIX}/accounts/spotify/callback?")
    assert f"http://127.0.0.1:8080{PREFIX}/accounts/spotify/callback" in page

    answer = browser.get(back)

    assert answer.status_code == 200
    assert "Logged in to Spotify as" in answer.text
    assert AirflowSecrets().spotify("ada").client_id == "sandbox-client"
    # The same address does nothing a second time.
    assert browser.get(back).status_code == 503


def test_where_spotify_cannot_lead_back_the_address_is_pasted(visitor: PageVisitor) -> None:
    browser = open_browser(visitor, "http://music.example:8080")
    url, page = begin(browser)
    state = parse_qs(urlsplit(url).query)["state"][0]
    assert "http://127.0.0.1:8888/callback" in page

    status, page = send(browser, "spotify/paste", state=state, address=agree(url))

    assert status == 200
    assert "Logged in to Spotify as" in page


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:8888/callback?error=access_denied&state={state}", "you did not agree"),
        ("rubbish", "not the address that Spotify led to"),
        ("http://127.0.0.1:8888/callback?code=stolen&state=theirs", "is of an older one"),
    ],
)
def test_what_is_no_consent_says_so_and_keeps_nothing(
    address: str, says: str, visitor: PageVisitor
) -> None:
    browser = open_browser(visitor, "http://music.example:8080")
    url, _ = begin(browser)
    state = parse_qs(urlsplit(url).query)["state"][0]

    status, page = send(browser, "spotify/paste", state=state, address=address.format(state=state))

    assert status == 503
    assert says in page
    assert "stolen" not in page
    assert not AirflowSecrets().has("spotify", "ada")


def test_a_login_that_somebody_else_began_is_refused(
    browser: TestClient, visitor: PageVisitor
) -> None:
    url, _ = begin(browser)
    other = open_browser(visitor, "http://127.0.0.1:8080")
    other.cookies.set("_token", "of another visitor")

    assert other.get(agree(url)).status_code == 503
    assert not AirflowSecrets().has("spotify", "ada")


def test_another_app_can_be_entered_later(browser: TestClient) -> None:
    browser.get(agree(begin(browser)[0]))

    url, _ = begin(browser, client_id="another-client", client_secret="")

    assert "client_id=another-client" in url
    assert AirflowSecrets().spotify("ada").client_id == "sandbox-client"  # until it has worked


def test_a_key_is_tried_kept_and_removed(browser: TestClient) -> None:
    status, page = send(browser, "lastfm/connect", user="ada", secret=KEY)
    assert status == 200
    assert "The key works: ada has" in page

    _, page = send(browser, "lastfm/change", do="try")
    assert "can be read" in page
    assert KEY not in browser.get(f"{PREFIX}/accounts?listener=ada").text
    status, page = send(browser, "lastfm/change", do="disconnect")

    assert status == 200
    assert "Last.fm is disconnected." in page
    assert not AirflowSecrets().has("lastfm", "ada")
    assert load_settings().listener("ada").lastfm == ""


def test_a_wrong_key_is_refused_and_changes_nothing(browser: TestClient) -> None:
    before = load_settings()

    status, page = send(browser, "lastfm/connect", user="somebody-else", secret="not-a-key")

    assert status == 503
    assert "Last.fm" in page
    assert not AirflowSecrets().has("lastfm", "ada")
    assert load_settings() == before


def test_an_address_for_notices_is_tried_kept_and_removed(browser: TestClient) -> None:
    receiver = NoticeReceiver()
    address = f"json://ada:{KEY}@127.0.0.1:{receiver.server.server_port}/"

    status, page = send(browser, "notices/connect", address=address)

    assert status == 200
    assert "A notice was sent there" in page
    assert [told["message"] for told in receiver.got] == ["Notices will arrive here."]
    assert load_settings().notices.connection
    (found,) = check_notices(load_settings())
    assert "1 address" in found.what

    status, page = send(browser, "notices/disconnect")
    assert status == 200
    assert not load_settings().notices.connection
    receiver.server.shutdown()
    receiver.server.server_close()
    status, page = send(browser, "notices/connect", address=address)
    assert status == 400
    assert "does not take the notice" in page


def test_rubbish_is_no_address_for_notices(browser: TestClient) -> None:
    status, page = send(browser, "notices/connect", address=KEY)

    assert status == 400
    assert "no address that Apprise knows" in page
    assert not load_settings().notices.connection


def test_a_connection_of_the_environment_is_left_alone(
    browser: TestClient, airflow_install: AirflowInstall
) -> None:
    airflow_install.set_connection("lastfm_ada", conn_type="lastfm", password=KEY)

    status, page = send(browser, "lastfm/connect", user="ada", secret=KEY)

    assert status == 400
    assert "Unset AIRFLOW_CONN_LASTFM_ADA" in page
    airflow_install.unset_connection("lastfm_ada")


def test_who_may_not_change_connections_sees_no_form(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.may_connect = False

    assert 'method="post"' not in browser.get(f"{PREFIX}/accounts?listener=ada").text
    assert send(browser, "lastfm/connect", user="ada", secret=KEY)[0] == 403
