"""The image without a container engine: its file linted, its locks read, its steps run in a folder of their own.

The steps run twice: with the interpreter of these tests, and in a clean environment of the image's Python with exactly
what the lock names. The latter downloads 810 MB, so it has to be asked for: FEATHERWEIGHT_TEST_IMAGE=1.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from ruamel.yaml import YAML

from core import ROOT

pytestmark = pytest.mark.timeout(900)  # a clean environment is installed for some, while other tests run beside
LOCKS = {"cpu": "requirements.txt", "gpu": "requirements-gpu.txt"}
IMAGE = {"python_version": "3.12", "python_full_version": "3.12.0", "sys_platform": "linux", "extra": ""}
# Opens every page as a first visit does, with a training process that needs no TensorFlow.
PAGES = """
import pathlib, sys
from streamlit.testing.v1 import AppTest
from core.runner.local import LocalBackend
from core.ui import shared
fake = (sys.executable, "-c", f"import runpy; runpy.run_path({sys.argv[1]!r}, run_name='__main__')")
shared.SERVICES = shared.Services(lambda s: LocalBackend(s.log, fake))
for page in ("app.py", *map(str, sorted(pathlib.Path("pages").glob("*.py")))):
    at = AppTest.from_file("app.py", default_timeout=120).switch_page(page).run()
    assert not at.exception and not at.error and at.title, (page, at)
    print(page)
shared.SERVICES.close()
"""


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, each on one line: ``[("FROM", "python:3.12-slim"), ...]``."""
    lines = [x for x in (ROOT / "Dockerfile").read_text().splitlines() if x and not x.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", "")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


def given(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def step(part: str) -> str:
    """Return the one RUN instruction that has this in it."""
    (found,) = (x for x in given("RUN") if part in x)
    return found


def command(word: str) -> list[str]:
    """Return what CMD or HEALTHCHECK executes; a string instead of a list would put a shell in between."""
    (text,) = given(word)
    words = json.loads(text[text.index("[") :])
    assert words[0] == "python"
    return [str(x) for x in words]


# ---- the files


def test_hadolint_has_nothing_to_say() -> None:
    linted = subprocess.run([_tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout


def test_compose_follows_its_schema() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    checked = subprocess.run([_tool("check-jsonschema"), *schema], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_compose_offers_both_images_to_this_machine_alone() -> None:
    services: dict[str, Any] = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]
    assert {x: services[x]["build"]["args"]["DEVICE"] for x in services} == {"cpu": "cpu", "gpu": "gpu"}
    assert "profiles" not in services["cpu"] and services["gpu"]["profiles"] == ["gpu"], "plain up would start both"
    (card,) = services["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert card["capabilities"] == ["gpu"] and "deploy" not in services["cpu"]
    for service in services.values():
        assert all(x.startswith("127.0.0.1:") for x in service["ports"])
        assert service["volumes"] == ["results:" + given("VOLUME")[0]]
        assert set(service["environment"]) >= {f"FEATHERWEIGHT_{x}" for x in ("OPEN", "RUNNER_KEY", "RUNNERS")}
        assert int(service["stop_grace_period"].removesuffix("s")) > 10


def test_the_image_runs_as_nobody_special_and_without_a_shell() -> None:
    assert given("USER")[-1].isdigit() and int(given("USER")[-1]) > 0
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(x for x, word in enumerate(words) if word == "RUN")
    assert f"FEATHERWEIGHT_HOME={given('VOLUME')[0]}" in given("ENV")
    assert command("CMD") and command("HEALTHCHECK")


# ---- the locks


@dataclass(frozen=True, slots=True)
class Locked:
    """One distribution of a lock: its version, the marker that it is needed under, and how many files it may be."""

    version: str
    needed: bool
    hashes: int


def lock(device: str) -> dict[NormalizedName, Locked]:
    text = (ROOT / f"requirements-{device}.lock").read_text().replace("\\\n", " ")
    found: dict[NormalizedName, Locked] = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            words = line.partition(" --hash=")[0]
            requirement = Requirement(words)
            needed = requirement.marker is None or requirement.marker.evaluate(IMAGE)
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line))
            found[canonicalize_name(requirement.name)] = Locked(pin.version, needed, hashes)
    return found


def pins(file: str) -> Iterator[Requirement]:
    """Yield what a file of requirements asks for, and those that it takes in."""
    for line in (ROOT / file).read_text().splitlines():
        if line.startswith("-r "):
            yield from pins(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            yield Requirement(line)


AGAIN = "Run 'make lock'."


@pytest.mark.parametrize("device", LOCKS)
def test_a_lock_holds_what_is_asked_for(device: str) -> None:
    locked = lock(device)
    for pin in pins(LOCKS[device]):
        name = canonicalize_name(pin.name)
        assert name in locked, f"{name} is not locked. {AGAIN}"
        assert pin.specifier.contains(locked[name].version), f"{pin} is locked as {locked[name].version}. {AGAIN}"
        assert locked[name].needed


@pytest.mark.parametrize("device", LOCKS)
def test_a_lock_holds_what_that_needs_in_turn(device: str) -> None:
    locked = lock(device)
    extras = {canonicalize_name(x.name): x.extras for x in pins(LOCKS[device]) if x.extras}
    checked = 0
    for name, entry in locked.items():
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for other systems than this one
        if installed.version != entry.version:
            continue  # nobody asks for this version here, so its needs are not known
        checked += 1
        for text in installed.requires or []:
            need = Requirement(text)
            wanted = [IMAGE | {"extra": extra} for extra in ("", *extras.get(name, set()))]
            if need.marker is None or any(need.marker.evaluate(x) for x in wanted):
                answer = locked.get(canonicalize_name(need.name))
                assert answer and answer.needed, f"{name} needs {need}, which is not locked. {AGAIN}"
                assert need.specifier.contains(answer.version), f"{name} needs {need}. {AGAIN}"
    assert checked >= len(list(pins("requirements.txt")))


def test_a_lock_lets_nothing_else_in() -> None:
    for device in LOCKS:
        text = (ROOT / f"requirements-{device}.lock").read_text()
        assert "://" not in text and "--index" not in text and "--find-links" not in text
        assert all(x.hashes for x in lock(device).values())


def test_the_gpu_has_the_same_and_cudas_libraries() -> None:
    cpu, gpu = lock("cpu"), lock("gpu")
    assert cpu.items() <= gpu.items()
    more = set(gpu) - set(cpu)
    assert all(x.startswith("nvidia-") for x in more)
    # the four that TensorFlow's own search path leaves out, and those it cannot do without
    for part in ("cusolver", "curand", "nvjitlink", "cuda-nvrtc", "cudnn", "cublas", "nccl", "cuda-nvcc"):
        assert any(x.startswith(f"nvidia-{part}") for x in more), part


# ---- the steps


@dataclass(frozen=True, slots=True)
class Image:
    """What the steps have made: the folder /app, the folder /data and an interpreter."""

    app: Path
    data: Path
    python: Path

    def environment(self) -> dict[str, str]:
        search = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": search, "FEATHERWEIGHT_HOME": str(self.data), "HOME": str(self.data.parent)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *words],
            cwd=self.app,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=240,
        )


@pytest.fixture(scope="module", params=["as here", "clean"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    made = Image(folder / "app", folder / "data", Path(sys.executable))
    if request.param == "clean":
        made = Image(made.app, made.data, _environment(folder))
    made.data.mkdir()
    _copy(made.app, "cpu")
    if request.param == "clean":
        _install(made)
    yield made
    shutil.rmtree(folder)  # 3 GB, which pytest would keep


def _environment(folder: Path) -> Path:
    """Make an environment of the image's Python with nothing in it, and return its interpreter."""
    if not os.environ.get("FEATHERWEIGHT_TEST_IMAGE"):
        pytest.skip("The clean environment downloads 810 MB: set FEATHERWEIGHT_TEST_IMAGE=1 to have it.")
    version = given("FROM")[0].partition(":")[2].partition("-")[0]
    interpreter = f"python{version}"
    there = os.environ | {"PYENV_VERSION": version}  # pyenv has a command of that name for every one it knows
    try:
        subprocess.run([interpreter, "-m", "venv", folder / "venv"], env=there, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"No {interpreter} found, which is the image's.")
    return folder / "venv" / "bin" / "python"


def _install(image: Image) -> None:
    """Do what the RUN instruction does that installs the lock, with this machine's settings of pip."""
    install = shlex.split(step("pip install"))
    assert install[:2] == ["pip", "install"] and "--require-hashes" in install
    pip, env = [str(image.python), "-m", "pip"], os.environ | {"PATH": image.environment()["PATH"]}
    smallest = next(x for x in pins("requirements.txt") if x.name == "nvidia-ml-py")
    probe = [*pip, "download", "--quiet", "--retries=0", "--no-deps", f"--dest={image.data}", str(smallest)]
    if subprocess.run(probe, env=env, capture_output=True).returncode:
        pytest.skip("No package registry is within reach.")
    installed = subprocess.run([*pip, *install[1:]], cwd=image.app, env=env, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr


def _copy(app: Path, device: str) -> None:
    """Do what the COPY instructions do with what .dockerignore lets through."""
    ignored = [x for x in (ROOT / ".dockerignore").read_text().splitlines() if x and not x.startswith("#")]
    assert ignored[0] == "*" and ignored[-1] == "**/__pycache__"
    offered = {x.removeprefix("!") for x in ignored[1:-1]}
    app.mkdir()
    for text in given("COPY"):
        source, target = text.replace("${DEVICE}", device).split()
        assert source in offered, f".dockerignore lets {source} not through"
        to = app / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (to if target.endswith("/") else to.parent).mkdir(exist_ok=True)
            shutil.copy(ROOT / source, to)


@pytest.mark.parametrize("device", LOCKS)
def test_either_device_has_its_lock(device: str, tmp_path: Path) -> None:
    _copy(tmp_path / "app", device)
    copied = (tmp_path / "app" / "requirements.lock").read_text()
    assert copied == (ROOT / f"requirements-{device}.lock").read_text()
    assert shlex.split(step("pip install"))[-1] == "requirements.lock"


def test_cudas_libraries_are_where_the_system_looks(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    folders = {packages / "nvidia" / x / "lib" for x in ("cusolver", "curand")}
    for listed in (set(), folders):
        for folder in listed:
            folder.mkdir(parents=True)
        text = step("ldconfig").replace("/etc/ld.so.conf.d/", f"{tmp_path}/").replace("&& ldconfig", "&& true")
        assert "/etc" not in text and "ldconfig" not in text
        subprocess.run(text, shell=True, check=True, env={"PATH": f"{python.parent}:{os.environ['PATH']}"})
        found = (tmp_path / "featherweight.conf").read_text().split()
        assert {Path(x) for x in found} == listed


def test_the_files_of_the_image_are_enough_for_every_page(image: Image) -> None:
    opened = image.run("-c", PAGES, str(ROOT / "tests" / "fake_training.py"))
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout.split() == ["app.py", *(f"pages/{x.name}" for x in sorted((ROOT / "pages").glob("*.py")))]


def test_the_image_trains(image: Image) -> None:
    words = "-m core train deep_cnn 1 --data mnist_5k --epochs 1 --json"
    trained = image.run(*words.split())
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["parameters"] == 408


def test_the_image_starts_tells_its_health_and_ends_when_asked(image: Image, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    started, asked = (
        [str(image.python), *(x.replace("0.0.0.0", "127.0.0.1").replace("8501", port) for x in command(word)[1:])]
        for word in ("CMD", "HEALTHCHECK")
    )
    healthy = ["-c", asked[-1]]
    assert "/_stcore/health'" in healthy[-1], "any other path is answered with the page, well or not"
    assert image.run(*healthy).returncode != 0, "nothing is there yet"
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(started, cwd=image.app, env=image.environment(), stdout=log, stderr=log) as server,
    ):
        try:
            end = time.monotonic() + 60
            while image.run(*healthy).returncode != 0:
                assert server.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
            server.send_signal(signal.SIGTERM)
            assert server.wait(10) == 0, (tmp_path / "log").read_text()
        finally:
            server.kill()


def _tool(name: str) -> str:
    """Return a program that requirements-dev.txt brings."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed"
    return found
