"""The file of keys: what may stand in it, what becomes of a broken one, and the command that adds to it."""

import logging
import os
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from service import keys as command
from service.access.key_file import KeyFile, KeyFileError, append_key, digest_of, make_key, read_keys
from service.settings import ServiceSettings

DIGEST = "a" * 64


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """Replace a file by a new one."""
    new = path.with_suffix(".new")
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.chmod(mode)
    new.rename(path)
    return path


def test_a_line_is_a_name_and_a_digest_and_the_rest_is_comment(tmp_path: Path) -> None:
    file = write(tmp_path / "keys", f"# who may ask\n\nalice {DIGEST}  # until June\n  web-1.b_2\t{'b' * 64}\n")
    assert read_keys(file) == {bytes.fromhex(DIGEST): "alice", b"\xbb" * 32: "web-1.b_2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "however: {file} holds none"),
        ("# nobody\n\n", "however: {file} holds none"),
        (f"alice {DIGEST}\nbob\n", "line 2 of {file} is not"),
        (f"alice {DIGEST[1:]}\n", "line 1 of {file} is not"),
        (f"alice {DIGEST.upper()}\n", "line 1 of {file} is not"),
        (f"alice {DIGEST} more\n", "line 1 of {file} is not"),
        (f"al/ice {DIGEST}\n", "line 1 of {file} is not"),
        (f"alice {DIGEST}\nbob {DIGEST}\n", "line 2 of {file} repeats that of 'alice'"),
        (b"\xff\xfe\n", "{file} is not UTF-8"),
    ],
)
def test_a_file_that_is_malformed_is_refused_in_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    file = write(tmp_path / "keys", text)
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert words.format(file=file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_wrong_line_holds_is_not_told(tmp_path: Path) -> None:
    key = make_key()
    with pytest.raises(KeyFileError) as caught:
        read_keys(write(tmp_path / "keys", f"alice {key}\n"))
    assert key not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_is_not_its_owners_alone_is_refused_with_what_to_run(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path / "keys", f"alice {DIGEST}\n", mode)
    with pytest.raises(KeyFileError, match=f"has mode {mode:03o}. Run: chmod 600 {file}"):
        read_keys(file)


@pytest.mark.parametrize(
    ("owner", "user", "mode", "taken"),
    [
        (0, 1034, 0o440, True),  # a mounted Secret
        (0, 1034, 0o460, False),
        (0, 1034, 0o444, False),
        (0, 0, 0o440, False),
        (1034, 1034, 0o440, False),
        (7, 1034, 0o440, False),
    ],
)
def test_of_a_file_of_roots_the_group_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, user: int, mode: int, taken: bool
) -> None:
    file, seen = write(tmp_path / "keys", f"alice {DIGEST}\n"), os.fstat
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fstat", lambda fd: os.stat_result((mode, *seen(fd)[1:4], owner, *seen(fd)[5:])))
    with nullcontext() if taken else pytest.raises(KeyFileError, match=f"has mode {mode:03o}"):
        assert list(read_keys(file).values()) == ["alice"]


def test_a_missing_file_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"No such file.*python -m service\.keys"):
        KeyFile(tmp_path / "keys")


def test_a_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = write(tmp_path / "keys", f"alice {DIGEST}\n")
    file = KeyFile(path)
    assert not file.look()
    breakages: list[Callable[[], object]] = [
        lambda: write(path, "alice\n"),
        lambda: path.chmod(0o644),
        path.unlink,
        lambda: write(path, ""),
    ]
    for breakage in breakages:
        caplog.clear()
        breakage()
        assert [file.look(), file.look(), file.look()] == [False] * 3
        (line,) = caplog.messages
        assert line.startswith("the keys stay those that were read before: ")
        assert file.keys == {bytes.fromhex(DIGEST): "alice"}
    write(path, f"bob {'b' * 64}\n")
    assert file.look()
    assert file.keys == {b"\xbb" * 32: "bob"}


def test_the_command_prints_the_key_once_and_keeps_its_digest_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    before = os.umask(0)
    try:
        assert [command.main([name, "--file", str(file)]) for name in ("alice", "bob", "alice")] == [0, 0, 0]
    finally:
        os.umask(before)
    said = capsys.readouterr()
    keys = said.out.split()
    assert [len(key) for key in keys] == [43] * 3
    assert read_keys(file) == dict(zip(map(digest_of, map(str.encode, keys)), ["alice", "bob", "alice"], strict=True))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(key in said.err + file.read_text() for key in keys)


def test_a_line_is_added_behind_one_that_was_not_ended(tmp_path: Path) -> None:
    file = write(tmp_path / "keys", f"alice {DIGEST}")
    append_key(file, "bob", "key")
    assert sorted(read_keys(file).values()) == ["alice", "bob"]


@pytest.mark.parametrize("name", ["", "two words", "-a", "a" * 65, "ä", "a\n"])
def test_a_name_that_could_not_be_read_back_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--file", str(tmp_path / "keys"), "--", name]) == 2
    assert "a key's name must be" in capsys.readouterr().err
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("text", "mode", "words"), [("nonsense\n", 0o600, "line 1"), (f"alice {DIGEST}\n", 0o644, "chmod 600")]
)
def test_nothing_is_added_to_a_file_that_the_service_would_refuse(
    tmp_path: Path, text: str, mode: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "keys", text, mode)
    assert command.main(["bob", "--file", str(file)]) == 2
    assert words in capsys.readouterr().err
    assert file.read_text() == text


def test_the_command_takes_the_services_own_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["bob"]) == 2
    assert "Give --file, or set ARCHSCALE_KEYS_FILE" in capsys.readouterr().err
    monkeypatch.setenv("ARCHSCALE_KEYS_FILE", str(tmp_path / "keys"))
    assert command.main(["bob"]) == 0
    settings = ServiceSettings()
    assert settings.keys_file is not None
    assert list(read_keys(settings.keys_file).values()) == ["bob"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["bob", "--file", str(tmp_path / "no/keys")]) == 2
    assert "must be writable, however:" in capsys.readouterr().err
