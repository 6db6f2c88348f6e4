"""Who may train, in a real browser on a server that listens on every address: viewer, runner key and sign-in."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from core import ROOT
from core.ui.markdown import JOINER
from tests.browser.conftest import LONG, PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

APP = ROOT / "app.py"
KEY = "correct horse battery"
EVERYWHERE = {"server.address": "0.0.0.0"}


def folders(home: Path) -> dict[str, str]:
    """Return the environment of a server with nothing in it."""
    return {
        "FEATHERWEIGHT_HOME": str(home),
        "FEATHERWEIGHT_DATA": str(home / "data"),
        "KERAS_HOME": str(home / "keras"),
        "NO_PROXY": "127.0.0.1",
    }


def start(page: Page) -> Any:
    return page.get_by_role("button", name=re.compile("^Start 1 run"))


def looking(page: Page) -> None:
    """Open what says why one may only look."""
    page.get_by_role("button", name="Only looking").click()


def give(page: Page, key: str) -> None:
    page.get_by_label("Runner key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_on_every_address_there_are_viewers_only(
    browser: Browser, new_page: NewPage, serve: Serve, tmp_path: Path
) -> None:
    url = serve(APP, folders(tmp_path), EVERYWHERE)
    page = new_page()
    page.goto(f"{url}/train")
    expect(start(page)).to_be_disabled()
    looking(page)
    expect(page.get_by_text("FEATHERWEIGHT_RUNNER_KEY").first).to_be_visible()
    page.goto(url)
    expect(page.get_by_test_id("weights-total")).to_have_text("932")  # looking is free


@pytest.fixture(scope="module")
def keyed(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("keyed")
    return serve(APP, folders(home) | {"FEATHERWEIGHT_RUNNER_KEY": KEY}, EVERYWHERE)


def test_with_the_key_a_viewer_becomes_a_runner_and_trains(new_page: NewPage, keyed: str) -> None:
    page = new_page()
    page.goto(f"{keyed}/train?recipe=My+own&epochs=90&batch=1")
    expect(start(page)).to_be_disabled()
    looking(page)
    give(page, KEY)
    expect(start(page)).to_be_enabled()
    expect(page.get_by_role("button", name="Runner", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    start(page).click()
    stop = page.get_by_role("button", name="Stop now")
    expect(stop).to_be_enabled(timeout=LONG)

    other = new_page()
    other.goto(f"{keyed}/train")
    expect(other.get_by_role("button", name="Stop now")).to_be_disabled()
    stop.click()
    expect(page.get_by_role("img", name="check_circle icon")).to_be_visible(timeout=LONG)


def test_after_five_wrong_keys_the_right_one_has_to_wait(new_page: NewPage, keyed: str) -> None:
    page = new_page()
    page.goto(f"{keyed}/train")
    looking(page)
    said = page.get_by_test_id("stAlertContentError")
    for left in ("4 more attempts", "3 more attempts", "2 more attempts", "1 more attempt"):
        give(page, "a guess of mine")
        expect(said).to_contain_text(f" {left} ")
    give(page, "a guess of mine")
    expect(said).to_contain_text(" 60 s ")
    wrong = said.inner_text()
    give(page, KEY)
    expect(said).not_to_have_text(wrong)
    expect(said).to_contain_text(re.compile(r" \d+ s\b"))
    expect(start(page)).to_be_disabled()


class Provider(ThreadingHTTPServer):
    """An OpenID Connect provider on loopback that signs in whoever it has been told to, without asking."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, {"kid": "1"}, private=True)
        self.claims: dict[str, object] = {}
        self.nonces: dict[str, str] = {}  # by code

    def identity(self, code: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "featherweight", "sub": "1", "iat": now, "exp": now + 600}
        return jwt.encode(
            {"alg": "RS256", "kid": "1"}, claims | {"nonce": self.nonces.pop(code)} | self.claims, self.key
        )


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        provider, asked = self.server, urlsplit(self.path)
        words = {name: values[0] for name, values in parse_qs(asked.query).items()}
        match asked.path:
            case "/.well-known/openid-configuration":
                self.say(
                    issuer=provider.url,
                    authorization_endpoint=f"{provider.url}/authorize",
                    token_endpoint=f"{provider.url}/token",
                    jwks_uri=f"{provider.url}/keys",
                    response_types_supported=["code"],
                    subject_types_supported=["public"],
                    id_token_signing_alg_values_supported=["RS256"],
                    code_challenge_methods_supported=["S256"],
                )
            case "/keys":
                self.say(keys=[provider.key.as_dict(private=False)])
            case "/authorize":
                code = f"code{len(provider.nonces)}"
                provider.nonces[code] = words["nonce"]
                self.send_response(302)
                back = urlencode({"code": code, "state": words["state"]})
                self.send_header("Location", f"{words['redirect_uri']}?{back}")
                self.end_headers()
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        words = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.say(access_token="a", token_type="Bearer", id_token=self.server.identity(words["code"][0]))

    def say(self, **words: object) -> None:
        body = json.dumps(words).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output for the test."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.serve_forever, name="provider", daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(timeout=10)


def test_who_signs_in_may_train_if_listed_and_verified(
    browser: Browser, serve: Serve, tmp_path: Path, provider: Provider
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(
        "[auth]\n"
        'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        'cookie_secret = "for this test and nothing else, 40 characters"\n'
        'client_id = "featherweight"\nclient_secret = "secret"\n'
        f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n'
    )
    environment = folders(tmp_path / "home") | {"FEATHERWEIGHT_RUNNERS": "ann@example.org"}
    url = serve(APP, environment, EVERYWHERE | {"secrets.files": str(secrets)})
    context = browser.new_context()  # of its own: cookies are shared by all pages of a context
    context.set_default_timeout(PATIENCE)
    page = context.new_page()

    def sign_in(**claims: object) -> None:
        provider.claims = claims
        page.goto(f"{url}/train")
        expect(start(page)).to_be_disabled()
        looking(page)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile(rf"^{url}/(\?n=\d+)?$"))  # the width puts itself there
        expect(page.get_by_test_id("weights-total")).to_have_text("932")
        page.get_by_role("link", name="Train", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Train a sweep")

    def sign_out(button: str) -> None:
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_test_id("weights-total")).to_have_text("932")

    sign_in(email="Ann@example.org", email_verified=True)
    expect(start(page)).to_be_enabled()
    sign_out("Runner")
    sign_in(email="ben@example.org", email_verified=True)
    expect(start(page)).to_be_disabled()
    expect(page.get_by_text(re.compile(f"ben{JOINER}@example.org .*FEATHERWEIGHT_RUNNERS")).first).to_be_visible()
    sign_out("Only looking")
    sign_in(email="ann@example.org", email_verified=False)
    expect(start(page)).to_be_disabled()
    expect(page.get_by_text(re.compile(f"ann{JOINER}@example.org .*verified")).first).to_be_visible()
    context.close()
