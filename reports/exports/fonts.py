"""The letters of a PDF, from installed packages, so that nothing is fetched and every machine prints the same.

FiraGO writes Latin, Greek, Cyrillic, Arabic, Hebrew, Thai, Devanagari and Georgian; Noto Sans CJK Chinese, Japanese and
Korean; Noto Sans Symbols 2 arrows, marks and boxes (all under the SIL Open Font License, which allows embedding). The
last two are opened only by a document that needs them. A symbol none of them has is written as its name, ``[rocket]``,
and a letter none of them has as a box: a report never fails over a letter.
"""

import importlib
import os
import re
import tempfile
import unicodedata
from functools import cache
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from fontTools.ttLib import TTFont
from fpdf import FPDF
from noto_cjk_sans_jp_regular import FONT_PATH

FAMILY, SYMBOLS, CJK = "desk", "desk-symbols", "desk-cjk"
BOX = "□"

#: Scripts whose letters are joined, stacked or written from the right.
_SHAPED = re.compile(r"[\u0590-\u08ff\u0900-\u0eff\u10a0-\u10ff\ufb1d-\ufdff\ufe70-\ufefc]")
_NOT_PRINTED = {"Cc", "Cf", "Cs", "Co", "Cn"}


class Letters:
    """Knows what can be written in one PDF, and opens the fonts it takes."""

    def __init__(self, pdf: FPDF) -> None:
        self._pdf = pdf
        self._fallbacks: list[str] = []
        pdf.add_font(FAMILY, "", _unpacked("FiraGO_Regular"))
        pdf.add_font(FAMILY, "B", _unpacked("FiraGO_Bold"))

    def printable(self, text: str) -> str:
        """The text with nothing in it that cannot be written. Line breaks stay."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(self._written(character) for character in unicodedata.normalize("NFC", text))

    def _written(self, character: str) -> str:
        code = ord(character)
        if character == "\n" or code in _covered(FAMILY):
            return character
        for family in (SYMBOLS, CJK):
            if code in _covered(family):
                self._open(family)
                return character
        return self._described(character)

    def _described(self, character: str) -> str:
        category = unicodedata.category(character)
        if character.isspace():
            return " "
        if category in _NOT_PRINTED or category.startswith("M"):  # joiners, variation selectors, stray accents
            return ""
        if category.startswith("S"):
            return f"[{unicodedata.name(character, 'symbol').lower()}]"
        return self._written(BOX)

    def _open(self, family: str) -> None:
        if family not in self._fallbacks:
            self._pdf.add_font(family, "", _path(family))
            self._fallbacks.append(family)
            self._pdf.set_fallback_fonts(self._fallbacks, exact_match=False)


def needs_shaping(text: str) -> bool:
    return not text.isascii() and _SHAPED.search(text) is not None


@cache
def _covered(family: str) -> frozenset[int]:
    with TTFont(_path(family), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _path(family: str) -> Path:
    if family == CJK:
        return Path(str(FONT_PATH))
    return _unpacked("FiraGO_Regular" if family == FAMILY else "NotoSansSymbols2_Regular")


def _unpacked(name: str) -> Path:
    """A font of pymupdf-fonts as a file: the package has them as code, and what reads fonts wants a file."""
    path = Path(settings.DATA_DIR) / "fonts" / f"{name}-{version('pymupdf-fonts')}.ttf"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".font")
        with os.fdopen(handle, "wb") as file:
            file.write(importlib.import_module(f"pymupdf_fonts.{name}").fontbuffer)
        Path(draft).replace(path)
    return path
