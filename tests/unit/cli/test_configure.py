from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from countenance.cli.configure import TEMPLATE, read_settings
from countenance.errors import UsageError
from countenance.settings import FILE_NAME, ClearSettings, DecodeLimits, Settings
from tests.terminal import Here


def settings_of(folder: Path, text: str | bytes) -> Settings:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / FILE_NAME).write_bytes(content)
    return read_settings(folder)


@pytest.fixture(autouse=True)
def no_cache_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTENANCE_CACHE")


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()
    assert read_settings(tmp_path / "nosuch") == Settings()


def test_the_file_that_init_writes_says_the_defaults(tmp_path: Path) -> None:
    text = TEMPLATE.format(pack="default")
    assert settings_of(tmp_path, text) == Settings()
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    table = tomllib.loads(uncommented)
    assert len(table) > 4
    assert len(table["decode"]) > 3
    assert settings_of(tmp_path, uncommented) == Settings()


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    decode = DecodeLimits(
        max_pixels=1_000_000, max_bytes=2_000_000, timeout_s=1.5, memory_bytes=2**28, work_side_px=800
    )
    clear = ClearSettings(
        smallest_face_px=20,
        smallest_face_share=0.01,
        second_detector="none",
        full_side_px=2_000,
        style="emoji",
        shape="box",
        margin=0.3,
        jpeg_quality=80,
        keep=("credit", "copyright"),
        adult_age_years=16,
    )
    for field in dataclasses.fields(ClearSettings):
        assert getattr(clear, field.name) != getattr(ClearSettings(), field.name), f"{field.name} is not tried"
    wanted = Settings(
        pack="mine",
        cache_dir=tmp_path / "cache",
        device="cpu",
        allow_noncommercial=True,
        smallest_face_px=48,
        smallest_face_share=0.1,
        batch_photos=3,
        batch_bytes=1_000,
        backup_days=90,
        extra_channels=("yearbook", "tv-1"),
        show_actor_names=True,
        case_days=14,
        case_keep_days=7,
        case_probes=4,
        case_probes_per_day=6,
        decode=decode,
        clear=clear,
    )
    for field in dataclasses.fields(Settings):
        assert getattr(wanted, field.name) != getattr(Settings(), field.name), f"{field.name} is not tried"
    top = {name: value for name, value in dataclasses.asdict(wanted).items() if name not in {"decode", "clear"}}
    lines = [f"{name} = {toml(value)}" for name, value in top.items()]
    for table in (decode, clear):
        lines += [f"[{'decode' if table is decode else 'clear'}]"]
        lines += [f"{name} = {toml(value)}" for name, value in dataclasses.asdict(table).items()]
    assert settings_of(tmp_path, "\n".join(lines)) == wanted


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def test_whole_numbers_serve_as_numbers_and_home_is_known(tmp_path: Path) -> None:
    found = settings_of(tmp_path, 'cache_dir = "~/models"\n[decode]\ntimeout_s = 3')
    assert found.decode.timeout_s == 3.0
    assert isinstance(found.decode.timeout_s, float)
    assert found.cache_dir == Path.home() / "models"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        ("pack = 3", "must be a word in quotes, not 3"),
        ("nosuch = 3", "does not exist: nosuch"),
        ("decode = 3", "must be a table"),
        ("[decode]\nnosuch = 3", "does not exist: nosuch"),
        ("[decode]\nmax_pixels = -5", "between 1 and"),
        ("[decode]\ntimeout_s = 0", "between 0.1 and"),
        ("[decode]\ntimeout_s = nan", "between 0.1 and"),
        ("[decode]\ntimeout_s = inf", "between 0.1 and"),
        ("[decode]\nmemory_bytes = 1024", "between"),
        ("[decode]\nwork_side_px = 1", "between 64 and"),
        ("[decode]\nmax_bytes = true", "whole number"),
        ("batch_photos = 0", "between 1 and"),
        ("batch_photos = 1.5", "whole number, not 1.5"),
        ("smallest_face_px = 99999999999999999999", "between"),
        ("smallest_face_share = 2", "between"),
        ("smallest_face_share = true", "a number, not True"),
        ("allow_noncommercial = 1", "true or false, not 1"),
        ('allow_noncommercial = "yes"', "true or false"),
        ('device = "gpu"', "one of auto, cpu, cuda"),
        ('cache_dir = ""', "a path in quotes"),
        ("cache_dir = 3", "a path in quotes"),
        ('extra_channels = "yearbook"', "a list of words"),
        ('extra_channels = ["yearbook", 3]', "a list of words"),
        ('extra_channels = ["two words"]', "a channel is a word"),
        ('extra_channels = [""]', "a channel is a word"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        settings_of(tmp_path, text)
    assert "\n" not in caught.value.message
    assert FILE_NAME in caught.value.message
    assert caught.value.exit_code == 2


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        read_settings(tmp_path)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_PACK", "recommended")
    monkeypatch.setenv("COUNTENANCE_DEVICE", "cpu")
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "models"))
    found = settings_of(tmp_path, 'pack = "mine"\ndevice = "cuda"\ncache_dir = "other"')
    assert (found.pack, found.device, found.cache_dir) == ("recommended", "cpu", tmp_path / "models")


def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_PACK", "")
    assert settings_of(tmp_path, 'pack = "mine"').pack == "mine"


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_DEVICE", "gpu")
    with pytest.raises(UsageError, match=r"^COUNTENANCE_DEVICE: device must be one of"):
        read_settings(tmp_path)


@pytest.mark.parametrize("command", [("find", "Ann"), ("collection", "list"), ("doctor",), ("models", "list")])
def test_every_command_refuses_broken_settings(
    run: Here, archive: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "cache"))
    (archive / FILE_NAME).write_text("nosuch = 1", encoding="utf-8")
    answer = run(*command, "--json")
    assert answer.code == 2
    assert "nosuch" in answer.json["error"]["message"]
