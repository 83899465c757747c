"""The protocol extends what is private to uvicorn: another version than the tested one is refused."""

import pytest

from service.web.tested import TESTED_UVICORN, UntestedError, check_uvicorn
from tests.commands import ROOT


def test_the_version_that_is_pinned_is_the_one_that_was_tested() -> None:
    check_uvicorn()
    assert f"uvicorn=={TESTED_UVICORN} " in (ROOT / "requirements/service.txt").read_text()


def test_another_version_is_refused_and_named() -> None:
    with pytest.raises(UntestedError, match=r"however: 0\.1\. Install"):
        check_uvicorn("0.1")
