"""Tests of the routes: permissions and error pages."""

import base64
import hashlib
import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from smallhours.web.app import PAGES, PREFIX, create_app
from tests.web.conftest import PageVisitor
from tests.web.lists import BEFORE, NIGHT, add_list, add_reactions, reactions_of
from tests.web.test_tonight import token_on


def routes(visitor: PageVisitor) -> list[APIRoute]:
    return [
        each for each in create_app(visitor.airflow_bridge()).routes if isinstance(each, APIRoute)
    ]


def test_no_address_is_open_to_strangers(browser: TestClient, visitor: PageVisitor) -> None:
    visitor.role = "nobody"

    for route in routes(visitor):
        for method in route.methods:
            answer = browser.request(method, PREFIX + route.path)
            assert answer.status_code == (303 if method == "GET" else 401), (method, route.path)
            assert "Smallhours" not in answer.text or "not logged in" in answer.text
    assert browser.get(f"{PREFIX}/docs").status_code == 404
    assert browser.get(f"{PREFIX}/openapi.json").status_code == 404


def test_a_page_without_a_session_leads_to_the_login_and_back(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.role = "nobody"

    sent = browser.get(f"{PREFIX}/tonight?night=2026-11-02&intent=main")

    assert sent.status_code == 303
    login = urlsplit(sent.headers["location"])
    assert login.path == "/api/v2/auth/login"
    assert parse_qs(login.query) == {"next": [f"{PREFIX}/tonight?night=2026-11-02&intent=main"]}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("nowhere", 404, "There is no such page."),
        ("study?name=none", 400, ""),
        ("study", 422, "can't be used: name"),
        ("explore?weight=many", 422, "can't be used: weight"),
    ],
)
def test_no_error_is_raw_json(path: str, status: int, says: str, browser: TestClient) -> None:
    answer = browser.get(f"{PREFIX}/{path}")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert says in html.unescape(answer.text)
    assert f'href="{PREFIX}/tonight"' in answer.text


def test_only_our_own_script_may_run(browser: TestClient) -> None:
    answer = browser.get(f"{PREFIX}/tonight")

    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert policy["connect-src"] == policy["form-action"] == "'self'"


def test_who_may_only_read_can_press_no_button(browser: TestClient, visitor: PageVisitor) -> None:
    visitor.role = "reader"

    assert browser.get(f"{PREFIX}/tonight").status_code == 200
    buttons = [route for route in routes(visitor) if "POST" in route.methods]
    assert buttons
    for route in buttons:
        assert browser.post(PREFIX + route.path).status_code == 403, route.path


def test_who_may_only_read_is_offered_no_button(browser: TestClient, visitor: PageVisitor) -> None:
    ride, _ = add_list(visitor.lake, BEFORE, [("Ride", "Vapour Trail"), ("Lush", "De-Luxe")])
    add_list(visitor.lake, NIGHT, [("Ride", "Vapour Trail")])
    add_reactions(visitor.lake, NIGHT, {ride: "thumbs_up"})
    visitor.role = "reader"

    pages = [browser.get(f"{PREFIX}/{name}").text for name in PAGES]

    assert not any('method="post"' in page for page in pages)
    assert all("The buttons are for those who may start runs" in page for page in pages)
    assert "More like this: noted." in pages[0]


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("0" * 64, {}),
        ("their own", {"cookie": "_token=another login"}),
        ("ours", {"sec-fetch-site": "cross-site"}),
        ("ours", {"sec-fetch-site": "same-site"}),
    ],
)
def test_a_form_of_another_site_writes_nothing(
    token: str, headers: dict[str, str], browser: TestClient, visitor: PageVisitor
) -> None:
    (key,) = add_list(visitor.lake, NIGHT, [("Ride", "Vapour Trail")])
    ours = token_on(browser.get(f"{PREFIX}/tonight").text)
    form = {"listener": "default", "night": str(NIGHT), "intent": "main", "track_key": key}
    form |= {"reaction": "blocked", "form_token": ours if token != "0" * 64 else token}
    if not token:
        del form["form_token"]

    assert browser.post(f"{PREFIX}/feedback", data=form, headers=headers).status_code == 403
    assert reactions_of(visitor.lake, key) == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_works_on_an_empty_lake_and_loads_nothing_from_elsewhere(
    name: str, browser: TestClient
) -> None:
    answer = browser.get(f"{PREFIX}/{name}")

    assert answer.status_code == 200
    assert name == "settings" or 'class="empty"' in answer.text
    assert f'aria-current="page">{PAGES[name]}</a>' in " ".join(answer.text.split())
    assert "src=" not in answer.text or 'src="http' not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "AudioScrobbler" in answer.text


def test_an_error_is_a_page_that_says_what_to_do(browser: TestClient) -> None:
    answer = browser.get(f"{PREFIX}/tonight?listener=zoe")

    assert answer.status_code == 400
    assert "There is no listener" in answer.text
    assert "Known listeners: default." in answer.text


def test_what_must_be_known_at_once_stands_on_every_page(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.warning = "Spotify login: it ends in 9 days. Run `smallhours login spotify`."

    for name in PAGES:
        assert visitor.warning in browser.get(f"{PREFIX}/{name}").text
