"""Words: how text is cut for the index, how a question is read, and where its words stand in a text. Pure.

The index gets text as tokens between spaces, so that every database cuts it the same way:

- A word is letters, digits, marks and ``_``, folded (:func:`labora.base.text.folded`): ``read_csv``, ``dataframe``.
- The parts of ``snake_case`` and ``camelCase`` names follow at the end of a text, once for each name: ``read csv``,
  ``data frame``. So a name is found whole, by its beginning and by its parts, and phrases keep their order.
- Scripts without spaces become overlapping pairs, and the last character alone: 機械学習 is 機械 械学 学習 習. So any
  run of characters is found as a phrase, and a single one as the beginning of a pair.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from labora.base.text import folded

MAX_TOKEN = 64
"""Characters of a word that the index keeps."""
MAX_TERMS = 16
"""Terms of a question that are looked at."""
MAX_WORDS = 12
"""Words of a term that are looked at: each costs a pass over every text of which a piece is shown."""
MAX_QUESTION = 500
_PAIRED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Kana
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uff66-\uffdc"  # half-width Kana and Hangul
)
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+|[^A-Za-z0-9]+")
_GAP = " _ "
"""A token that no question holds: phrases do not reach over it."""


@cache
def _word() -> re.Pattern[str]:
    """Returns the pattern of a run of one kind; made at the first use, for it looks at every character."""
    marks = "".join(
        re.escape(chr(code))
        for code in range(min(sys.maxunicode, 0xFFFF))
        if unicodedata.category(chr(code))[0] == "M" and not re.match(f"[{_PAIRED}]", chr(code))
    )
    return re.compile(rf"(?P<paired>[{_PAIRED}]+)|(?:(?![{_PAIRED}])[\w{marks}])+")


def index_tokens(text: str) -> str:
    """Returns what the index keeps of a text."""
    words: list[str] = []
    names: dict[str, None] = {}
    for match in _word().finditer(text):
        word = match[0]
        if match["paired"]:
            words += _pairs(folded(word))
            continue
        words.append(_fold(word))
        if "_" in word.strip("_") or (len(word) <= MAX_TOKEN and not word.islower() and not word.isupper()):
            names[word] = None
    parts = (" ".join(found) for name in names if len(found := _parts(name)) > 1)
    return _GAP.join([" ".join(words), *parts])


def _fold(word: str) -> str:
    return (word.lower() if word.isascii() else folded(word))[:MAX_TOKEN]


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run))]


def _parts(name: str) -> list[str]:
    found = [_fold(part) for piece in name.split("_") if piece for part in _PARTS.findall(piece)]
    return found if len(found) > 1 else []


# -- questions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Term:
    """One demand of a question.

    Attributes:
        words: they must stand side by side; a run of a script without spaces is one word.
        prefix: the last word may go on.
        excluded: the term must not be there.
    """

    words: tuple[str, ...]
    prefix: bool = False
    excluded: bool = False


_CHUNK = re.compile(r'(?P<minus>(?<!\S)-(?=\S))?(?:"(?P<phrase>[^"]*)"?|(?P<plain>[^\s"]+))')


def read_question(text: str) -> list[Term]:
    """Reads what a person typed: words, ``"phrases"``, ``beginnings*``, ``-without``. Never fails.

    ``plt.plot`` is a phrase of its words. What holds no letter or digit is passed over.
    """
    terms: list[Term] = []
    for match in _CHUNK.finditer(text[:MAX_QUESTION]):
        chunk = match["phrase"] if match["phrase"] is not None else match["plain"]
        words = tuple(folded(found[0])[:MAX_TOKEN] for found in islice(_word().finditer(chunk), MAX_WORDS))
        if not words or all(not word.strip("_") for word in words):
            continue
        prefix = match["plain"] is not None and chunk.endswith("*")
        term = Term(words, prefix, excluded=match["minus"] is not None)
        if term not in terms:
            terms.append(term)
    return terms[:MAX_TERMS]


def tokens_of(term: Term) -> tuple[list[str], bool]:
    """Returns the index tokens that must follow each other, and whether the last one may go on."""
    tokens: list[str] = []
    prefix = term.prefix
    for place, word in enumerate(term.words):
        if not _is_paired(word):
            tokens.append(word)
            continue
        pairs = _pairs(word)
        if place < len(term.words) - 1:
            # In the text the run ends here too, so its last character stands alone behind the pairs.
            tokens += pairs
        elif len(word) == 1:
            tokens, prefix = [*tokens, word], True
        else:
            tokens, prefix = [*tokens, *pairs[:-1]], False
    return tokens, prefix


def _is_paired(word: str) -> bool:
    match = _word().match(word)
    return bool(match and match["paired"])


# -- hits -------------------------------------------------------------------------------------------------------------


def hits_in(text: str, terms: Iterable[Term], limit: int = 200) -> list[tuple[int, int, int]]:
    """Returns where terms stand in a text, as (start, end, number of the term), in the order of the text."""
    found: list[tuple[int, int, int]] = []
    for number, term in enumerate(terms):
        if term.excluded:
            continue
        for place, (start, end) in enumerate(_occurrences(text, term)):
            if place >= limit:
                break
            found.append((start, end, number))
    return sorted(found)


def _occurrences(text: str, term: Term) -> Iterator[tuple[int, int]]:
    pattern = r"[^\w]{1,40}?".join(re.escape(word) for word in term.words)
    loose = r"[^\w]{0,40}?".join(re.escape(word) for word in term.words)
    first, last = _is_paired(term.words[0]), _is_paired(term.words[-1])
    mixed = first or last or any(_is_paired(word) for word in term.words)
    for match in re.finditer(loose if mixed else pattern, text, re.IGNORECASE):
        start, end = match.span()
        if not first and not _begins_here(text, start):
            continue
        if not last:
            if term.prefix:
                end = _end_of_part(text, end)
            elif not _ends_here(text, end):
                continue
        yield start, end


def _begins_here(text: str, start: int) -> bool:
    if start == 0 or not text[start - 1].isalnum():
        return True
    before, here = text[start - 1], text[start]
    return here.isupper() and not (before.isupper() and not text[start + 1 : start + 2].islower())


def _ends_here(text: str, end: int) -> bool:
    if end >= len(text) or not text[end].isalnum():
        return True
    before, here = text[end - 1], text[end]
    return here.isupper() and (not before.isupper() or text[end + 1 : end + 2].islower())


def _end_of_part(text: str, end: int) -> int:
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return end
