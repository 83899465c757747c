"""Settings: read once, checked, refused in one line."""

from pathlib import Path

import pytest

from service.settings import SettingsError, count_processors, load_settings


def test_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert (settings.release, settings.architectures, settings.threads) == (None, (), 1)
    assert (settings.max_rows, settings.max_body_bytes) == (4096, 16 * 1024 * 1024)
    assert settings.workers == count_processors()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSCALE_ARCHITECTURES", "small, wide-net")
    monkeypatch.setenv("ARCHSCALE_MAX_BODY_BYTES", "2MiB")
    monkeypatch.setenv("ARCHSCALE_WORKERS", "3")
    settings = load_settings()
    assert settings.architectures == ("small", "wide-net")
    assert (settings.max_body_bytes, settings.workers) == (2 * 1024 * 1024, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARCHSCALE_WORKERS", "0"),
        ("ARCHSCALE_WORKERS", "many"),
        ("ARCHSCALE_THREADS", "-1"),
        ("ARCHSCALE_MAX_ROWS", "1.5"),
        ("ARCHSCALE_MAX_BODY_BYTES", "lots"),
        ("ARCHSCALE_RELEASE", ""),
        ("ARCHSCALE_ARCHITECTURES", "Small"),
        ("ARCHSCALE_WORKER", "2"),
        ("ARCHSCALE_UNKNOWN_CATEGORY", "allow"),
        ("ARCHSCALE_RATE_LIMIT", "0"),
        ("ARCHSCALE_RATE_LIMIT", "inf"),
        ("ARCHSCALE_RATE_LIMIT", "10"),  # of which key?
        ("ARCHSCALE_SHOW_METRICS", "perhaps"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"{name}.*(Correct|unset)") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


RANGES = {
    "deadline_ms": (1, 3_600_000),
    "drain_seconds": (0, 3600),
    "hang_seconds": (1, 3600),
    "keep_alive_seconds": (0.001, 3600),
    "head_seconds": (0.001, 3600),
    "body_seconds": (0.001, 3600),
    "answer_seconds": (0.001, 3600),
    "max_connections": (1, 1_000_000),
    "max_connections_per_address": (0, 1_000_000),
    "access_log": (0, 1),
}


@pytest.mark.parametrize(("name", "ends"), RANGES.items())
def test_a_setting_may_be_either_end_of_its_range(
    name: str, ends: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for end in ends:
        monkeypatch.setenv(f"ARCHSCALE_{name.upper()}", str(end))
        assert getattr(load_settings(), name) == end


@pytest.mark.parametrize(("name", "ends"), RANGES.items())
def test_a_setting_beyond_its_range_is_refused_with_that_end(
    name: str, ends: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    least, most = ends
    for value, end in ((least - 1, least), (most + 1, most)):
        monkeypatch.setenv(f"ARCHSCALE_{name.upper()}", str(value))
        with pytest.raises(SettingsError, match=rf"{name.upper()}: .* {round(end)}, however: '{value}'"):
            load_settings()


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "", "soon", "1s"])
def test_a_limit_must_be_a_number(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ARCHSCALE_{name.upper()}", value)
    with pytest.raises(SettingsError, match=rf"ARCHSCALE_{name.upper()}: .*however: '{value}'"):
        load_settings()


def test_a_containers_limit_bounds_the_processors(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert count_processors(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert count_processors(tmp_path) == count_processors(Path("/nowhere"))


def test_the_older_control_groups_bound_them_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert count_processors(tmp_path) == 1
