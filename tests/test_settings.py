import re
from pathlib import Path

import pytest

from core import settings
from core.access import Access
from core.errors import SettingsError
from core.limits import VARIABLES, Limits


def test_folders_are_made_and_data_lies_inside_home_by_default(tmp_path: Path) -> None:
    loaded = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path / "a" / "b")})
    assert loaded.data == tmp_path / "a" / "b" / "data"
    assert loaded.data.is_dir() and loaded.cache.is_dir()
    assert loaded.store.parent == loaded.home


def test_home_is_the_users_own_folder_where_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "user_data_path", lambda *_, **__: tmp_path / "user")
    assert settings.load({}).home == tmp_path / "user"


def test_data_folder_may_be_read_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    assert settings.load({"FEATHERWEIGHT_HOME": str(tmp_path / "home"), "FEATHERWEIGHT_DATA": str(data)}).data == data


@pytest.mark.parametrize("variable", ["FEATHERWEIGHT_HOME", "FEATHERWEIGHT_DATA"])
def test_a_path_that_is_a_file_or_under_one_is_refused_in_one_sentence(tmp_path: Path, variable: str) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "under"):
        environment = {"FEATHERWEIGHT_HOME": str(tmp_path / "home"), variable: str(path)}
        with pytest.raises(SettingsError, match=f"^{variable} is {path}, which cannot be opened as a folder"):
            settings.load(environment)


def test_home_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # root may write anywhere, so a folder without permissions would prove nothing
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(SettingsError, match=r"cannot be written \(Permission denied\). Set FEATHERWEIGHT_HOME"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})


def test_a_home_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^FEATHERWEIGHT_HOME .*~nobody-has-this-name/x\b"):
        settings.load({"FEATHERWEIGHT_HOME": "~nobody-has-this-name/x"})


@pytest.mark.parametrize(("text", "room"), [("", 1024 * 10**6), ("50", 50 * 10**6), ("0", 0)])
def test_the_room_for_weights_is_in_megabytes(tmp_path: Path, text: str, room: int) -> None:
    assert settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_WEIGHTS_MB": text}).room == room


@pytest.mark.parametrize("text", ["-1", "1.5", "much", "1" * 10, "²"])
def test_a_room_that_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^FEATHERWEIGHT_WEIGHTS_MB is '{text}'. Set it to a whole number"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_WEIGHTS_MB": text})


def test_nobody_is_named_and_nothing_limited_by_default(tmp_path: Path) -> None:
    loaded = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})
    assert (loaded.access, loaded.limits) == (Access(), Limits())


def test_who_may_train_is_read(tmp_path: Path) -> None:
    environment = {
        "FEATHERWEIGHT_HOME": str(tmp_path),
        "FEATHERWEIGHT_RUNNER_KEY": " sixteen letters. ",
        "FEATHERWEIGHT_RUNNERS": "Ann@Example.org, lab.example.com @b.org",
        "FEATHERWEIGHT_OPEN": "0",
    }
    runners = ("ann@example.org", "@lab.example.com", "@b.org")
    assert settings.load(environment).access == Access(False, "sixteen letters.", runners)
    assert settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_OPEN": "1"}).access.open


def test_a_short_key_is_refused_and_not_printed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_RUNNER_KEY": "fifteen letters"})
    said = str(caught.value)
    assert said == "FEATHERWEIGHT_RUNNER_KEY has 15 characters. Set it to 16 or more, or leave it out."


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@", "a@b@c.org", "ann@host", "müller.de", "*", "ann@.", ".", "*@b.org", ".b.org", "a@b..org"],
)
def test_a_runner_who_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^FEATHERWEIGHT_RUNNERS holds '{re.escape(text)}'. Set it to addresses"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_RUNNERS": f"b@c.org,{text}"})


@pytest.mark.parametrize("text", ["yes", "true", "2"])
def test_opening_is_said_plainly(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^FEATHERWEIGHT_OPEN is '{text}'. Set it to 1"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_OPEN": text})


@pytest.mark.parametrize(
    ("variable", "value"), [("FEATHERWEIGHT_RUNNER_KEY", "k" * 16), ("FEATHERWEIGHT_RUNNERS", "b.org")]
)
def test_open_to_everyone_and_to_some_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^FEATHERWEIGHT_OPEN=1 lets everyone train, and {variable} only some"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_OPEN": "1", variable: value})


@pytest.mark.parametrize("name", VARIABLES)
def test_each_limit_has_its_variable(tmp_path: Path, name: str) -> None:
    environment = {"FEATHERWEIGHT_HOME": str(tmp_path)}
    assert settings.load(environment | {VARIABLES[name]: "7"}).limits == Limits(**{name: 7})
    for wrong in ("0", "-1", "many", "1.5"):
        with pytest.raises(SettingsError, match=f"^{VARIABLES[name]} is '?{wrong}"):
            settings.load(environment | {VARIABLES[name]: wrong})
