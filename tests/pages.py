"""The pages that people read, README and docs, and the snippets in them."""

import re
import shlex
from dataclasses import dataclass

from tests.commands import ROOT

README = ROOT / "README.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True)
class Snippet:
    """A block of code. name: of its page, and its number there."""

    name: str
    code: str

    def __str__(self) -> str:
        return self.name


def find_snippets(language: str) -> list[Snippet]:
    """Return the blocks of ``language`` on all pages."""
    return [
        Snippet(f"{page.stem}-{number}", code)
        for page in PAGES
        for number, code in enumerate(re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL), 1)
    ]


def read_commands(snippet: Snippet) -> list[list[str]]:
    """Return the words of each line, without comments."""
    lines = snippet.code.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]
