"""Behind nginx and Caddy, with the very lines of docs/proxy.md; skipped by name where one is not installed."""

from __future__ import annotations

import datetime
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core import ROOT
from tests.browser.conftest import PATIENCE, await_start, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

APP = ROOT / "app.py"
NAME = "featherweight.localhost"  # a browser looks for it on this machine, and it is not localhost
KEY = "correct horse battery"
# Debian keeps servers where only root's PATH looks.
PLACES = {"nginx": ("nginx", "/usr/sbin/nginx"), "caddy": ("caddy",)}

Proxy = Callable[[str, str], str]


def documented(language: str) -> str:
    """Return the block of a language in docs/proxy.md."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "proxy.md").read_text("utf-8"), re.DOTALL)
    return str(found)


def replaced(text: str, old: str, new: str) -> str:
    """Replace what must be there."""
    assert old in text, f"docs/proxy.md no longer says {old!r}"
    return text.replace(old, new)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for the name, which nobody has signed."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def proxy(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[Proxy]:
    """Return a function that starts a proxy before a server and returns its address: ``proxy("nginx", url)``."""
    started: list[subprocess.Popen[bytes]] = []
    cert, key = certificate

    def nginx(program: str, server: str, port: int) -> list[str]:
        text = replaced(documented("nginx"), "listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = replaced(text, "server_name featherweight.example.org", f"server_name {NAME}")
        text = replaced(text, "/etc/ssl/featherweight.pem", str(cert))
        text = replaced(text, "/etc/ssl/featherweight.key", str(key))
        text = replaced(text, "http://127.0.0.1:8501", server)
        scratch = "\n".join(f"{x}_temp_path {tmp_path};" for x in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{scratch}\n{text}}}\n"
        )
        return [program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]

    def caddy(program: str, server: str, port: int) -> list[str]:
        own = f"https://{NAME}:{port} {{\n    bind 127.0.0.1\n    tls {cert} {key}"
        text = replaced(documented("caddy"), "featherweight.example.org {", own)
        text = replaced(text, "127.0.0.1:8501", server.removeprefix("http://"))
        (tmp_path / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{text}")
        return [program, "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]

    def start(kind: str, server: str) -> str:
        program = next(filter(None, map(shutil.which, PLACES[kind])), None)
        if program is None:
            pytest.skip(f"No {kind} found: install it with 'apt-get install {kind}'.")
        port, log = free_port(), tmp_path / "proxy.txt"
        command = {"nginx": nginx, "caddy": caddy}[kind](program, server, port)
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        with log.open("wb") as output:
            started.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment))
        await_start(started[-1], lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close(), log)
        return f"https://{NAME}:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=20)


def opened(browser: Browser, url: str) -> Page:
    """Return a page that takes the certificate that nobody has signed."""
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    return page


def folders(home: Path) -> dict[str, str]:
    return {
        "FEATHERWEIGHT_HOME": str(home),
        "FEATHERWEIGHT_DATA": str(home / "data"),
        "KERAS_HOME": str(home / "keras"),
        "STREAMLIT_SERVER_ALLOWED_HOSTS": NAME,
    }


@pytest.mark.parametrize("kind", PLACES)
def test_the_documented_lines_serve_pages_and_the_key(
    browser: Browser, serve: Serve, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    url = proxy(kind, serve(APP, folders(tmp_path / "home") | {"FEATHERWEIGHT_RUNNER_KEY": KEY}))
    page = opened(browser, url)
    expect(page.get_by_test_id("weights-total")).to_have_text("932")
    page.get_by_role("radio", name="MLP", exact=True).click()
    expect(page.get_by_test_id("weights-formula")).to_contain_text("796")  # an answer over the WebSocket
    page.get_by_role("link", name="Train", exact=True).click()
    start = page.get_by_role("button", name=re.compile("^Start 1 run"))
    expect(start).to_be_disabled()
    page.get_by_role("button", name="Only looking").click()
    page.get_by_label("Runner key", exact=True).fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(start).to_be_enabled()
    page.context.close()


@pytest.mark.parametrize("kind", PLACES)
def test_who_comes_through_a_proxy_on_the_same_machine_is_not_local(
    browser: Browser, serve: Serve, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    page = opened(browser, proxy(kind, serve(APP, folders(tmp_path / "home"))) + "/train")
    expect(page.get_by_role("button", name=re.compile("^Start 1 run"))).to_be_disabled()
    page.get_by_role("button", name="Only looking").click()
    expect(page.get_by_text(re.compile("proxy")).first).to_be_visible()
    page.context.close()


@pytest.fixture(scope="module")
def allowed(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a server that takes connections for one name only."""
    return serve(APP, folders(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": NAME}, 101),
        ({"Host": f"{NAME}:8443", "Origin": f"https://{NAME}:8443"}, 101),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": NAME, "Origin": "https://evil.example"}, 403),
    ],
)
def test_connections_for_other_names_and_from_other_sites_are_refused(
    allowed: str, headers: dict[str, str], status: int
) -> None:
    host, _, port = allowed.removeprefix("http://").partition(":")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "streamlit",
    }
    lines = ["GET /_stcore/stream HTTP/1.1", *(f"{name}: {value}" for name, value in (headers | upgrade).items())]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = connection.makefile("rb").readline()
    assert int(answer.split()[1]) == status, answer


def test_a_file_from_another_site_is_refused(allowed: str) -> None:
    opener = build_opener(ProxyHandler({}))
    with pytest.raises(HTTPError) as caught:
        opener.open(Request(f"{allowed}/_stcore/upload_file/a/b", data=b"x", method="PUT"), timeout=30)
    assert caught.value.code == 403 and b"XSRF" in caught.value.read()
    caught.value.close()
