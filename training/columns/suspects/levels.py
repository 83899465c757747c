"""Levels of a category, or classes of a target, that are probably not what they seem: each is told in a warning."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from service.contract.policies import BOOLEAN_SPELLINGS
from training.columns.suspects.suspect import Suspect
from training.columns.words import look_like, plain_numbers
from training.errors import quoted, write_option
from training.table.cells import PADDED

SHOWN_LEVELS = 3


def find_odd_levels(
    name: str | None, levels: Sequence[str], *, shares: Sequence[float] = (), decimal: str, overruled: bool = False
) -> list[Suspect]:
    """Look at the levels of a column, or at classes (name: None).

    shares: of the levels, where the commonest are to be named first. overruled: whether the user says that all are
    levels.
    """
    mixed = _find_mixed_spellings(name, levels)
    if mixed is None and not overruled:
        mixed = _find_numbers(name, levels, shares or [0.0] * len(levels), decimal=decimal)
    return [suspect for suspect in (find_case(name, levels), mixed) if suspect is not None]


def find_case(name: str | None, levels: Sequence[str]) -> Suspect | None:
    """Look for levels that are the same word but for its case."""
    seen: dict[str, str] = {}
    for level in levels:
        other = seen.setdefault(level.lower(), level)
        if other != level:
            both, fact = f"{quoted(other)} and {quoted(level)}", "differ by case alone, and count as two"
            return Suspect(name, "case", f"classes {both} {fact}" if name is None else f"has levels {both} that {fact}")
    return None


def _find_mixed_spellings(name: str | None, levels: Sequence[str]) -> Suspect | None:
    """Look for levels all of which say yes or no, in the words of several pairs."""
    words = {level.lower() for level in levels}
    pairs = [set(pair) for pair in BOOLEAN_SPELLINGS]
    if len(words) < 2 or not words <= set.union(*pairs) or any(words <= pair for pair in pairs):
        return None
    text = (
        f"{_subject(name, several=True)} {_listed(levels, most=len(levels))}, which say yes and no in several "
        f"spellings, and count as {len(levels)}. Write one pair of them"
    )
    return Suspect(name, "spellings", text)


def _find_numbers(name: str | None, levels: Sequence[str], shares: Sequence[float], *, decimal: str) -> Suspect | None:
    """Look for numbers among words, which then may stand for no value, or the one number for none; or numbers alone."""
    numeric = ~np.isnan(plain_numbers(pa.array(levels, pa.string()), decimal=decimal))
    ordered = [place for _, place in sorted((-share, place) for place, share in enumerate(shares))]
    numbers = [levels[place] for place in ordered if numeric[place]]
    words = [levels[place] for place in ordered if not numeric[place]]
    if name is not None and not words and not look_like(pa.array(levels, pa.string()), PADDED).any():
        text = f"is a category, since the file has its numbers as text ({_listed(levels, most=SHOWN_LEVELS)})"
        remedies = (
            f"give {write_option('--numeric', name)}; {write_option('--category', name)} says that all are levels"
        )
        return Suspect(name, "numbers as text", f"{text}: where they are amounts, {remedies}")
    if not numbers or not words:
        return None
    several = len(numbers) > 1
    missing = " ".join(write_option("--missing", level) for level in (words if several else numbers)[:SHOWN_LEVELS])
    held = f"{_listed(numbers, most=SHOWN_LEVELS)}, {'numbers' if several else 'a number'} among words"
    no_value = f"where {'a word' if several else 'it'} means no value, give {missing}"
    text = f"{_subject(name, several=several)} {held}: {no_value}"
    if name is not None and several:
        text += f", or {write_option('--numeric', name)} to take all words as missing"
    if name is not None:
        text += f"; {write_option('--category', name)} says that all are levels"
    return Suspect(name, "numbers among levels", text)


def _subject(name: str | None, *, several: bool) -> str:
    if name is None:
        return "classes are" if several else "a class is"
    return "has levels" if several else "has a level"


def _listed(levels: Sequence[str], *, most: int) -> str:
    shown = [quoted(level) for level in levels[:most]]
    if len(levels) > most:
        return f"{', '.join(shown)}, ..."
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
