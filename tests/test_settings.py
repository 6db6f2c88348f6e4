from pathlib import Path

import pytest

from core import settings
from core.errors import SettingsError


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
    with pytest.raises(SettingsError, match=r"^FEATHERWEIGHT_HOME is ~nobody-has-this-name/x, which cannot be opened"):
        settings.load({"FEATHERWEIGHT_HOME": "~nobody-has-this-name/x"})


@pytest.mark.parametrize(("text", "room"), [("", 1024 * 10**6), ("50", 50 * 10**6), ("0", 0)])
def test_the_room_for_weights_is_in_megabytes(tmp_path: Path, text: str, room: int) -> None:
    assert settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_WEIGHTS_MB": text}).room == room


@pytest.mark.parametrize("text", ["-1", "1.5", "much", "1" * 10, "²"])
def test_a_room_that_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^FEATHERWEIGHT_WEIGHTS_MB is '{text}'. Set it to a whole number"):
        settings.load({"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_WEIGHTS_MB": text})
