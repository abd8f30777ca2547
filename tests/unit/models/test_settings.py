"""Settings as operators and their tools write them: empty, quoted, of the wrong unit, misspelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import QueryRejected
from models.setting_names import unknown_settings
from models.settings import Settings, read_settings


@pytest.mark.parametrize("name", Settings.model_fields)
@pytest.mark.parametrize("value", ["", "  ", "\t\n", '""', "'  '"])
def test_what_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """As Compose and systemd hand on what nobody has set."""
    monkeypatch.delenv("THATLOOK_HOME", raising=False)
    default = getattr(read_settings(), name)
    monkeypatch.setenv(f"THATLOOK_{name.upper()}", value)
    assert getattr(read_settings(), name) == default


def test_blanks_and_quotation_marks_around_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's --env-file keeps the marks, a file of secrets its line end."""
    monkeypatch.setenv("THATLOOK_PORT", ' "9000" ')
    monkeypatch.setenv("THATLOOK_MILVUS_TOKEN", "root:it's\n")
    monkeypatch.setenv("THATLOOK_POLICY", "'strict'")
    settings = read_settings()
    assert (settings.port, settings.policy) == (9000, "strict")
    assert settings.milvus_token is not None
    assert settings.milvus_token.get_secret_value() == "root:it's"


@pytest.mark.parametrize("value", ["abc", "20MB", "5s", "1,5", "nan", "inf", "-inf", "1e400", "-1", "9" * 400, "\x01"])
def test_numbers_that_are_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Refused by the setting's name, also what no clock could wait for."""
    for name, field in Settings.model_fields.items():
        is_bounded = any(hasattr(bound, "le") for bound in field.metadata)
        if field.annotation not in (int, float, int | None) or (value.isdigit() and not is_bounded):
            continue  # Of bytes there may be as many as one likes.
        with monkeypatch.context() as here:
            here.setenv(f"THATLOOK_{name.upper()}", value)
            with pytest.raises(QueryRejected, match=f"THATLOOK_{name.upper()} cannot be used"):
                read_settings()


def test_a_service_of_kubernetes_with_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its containers are told addresses in variables that look like settings."""
    told = {
        "THATLOOK_PORT": "tcp://10.0.0.1:8080",
        "THATLOOK_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "THATLOOK_PORT_8080_TCP_ADDR": "10.0.0.1",
        "THATLOOK_SERVICE_HOST": "10.0.0.1",
        "THATLOOK_SERVICE_PORT_HTTP": "8080",
        "THATLOOK_WORKER_SERVICE_PORT": "9090",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert read_settings().port == 8080
    assert list(unknown_settings(told)) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("THATLOOK_PROT", "THATLOOK_PROT is no setting; is THATLOOK_PORT meant?"),
        ("THATLOOK_MILVUS_URL", "is THATLOOK_MILVUS_URI meant?"),
        ("THATLOOK_MAX_IMAGE_BYTE", "is THATLOOK_MAX_IMAGE_BYTES meant?"),
        ("THATLOOK_QWERTY", "`thatlook settings` shows those there are."),
    ],
)
def test_a_slip_in_a_name(name: str, words: str) -> None:
    """What nobody reads would seem to be set."""
    (told,) = unknown_settings([name, "PATH", "THATLOOK_HOME", "thatlook_port", "THATLOOK_DEBUG", "THATLOOK_port"])
    assert words in told


def test_an_empty_home_is_not_the_present_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A catalogue would be begun in whatever folder the program is called from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/people/somebody")
    monkeypatch.setenv("THATLOOK_HOME", "")
    assert read_settings().home == Path("/people/somebody/.thatlook")


def test_a_user_without_a_home_folder_is_told_what_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a container has whose user's number stands in no file; a whole path is all it needs."""
    monkeypatch.setenv("THATLOOK_HOME", "~nobody-of-this-name/x")
    with pytest.raises(QueryRejected, match=r"give a whole path with --home or THATLOOK_HOME\.$"):
        read_settings()
    assert read_settings({"home": tmp_path}).home == tmp_path
