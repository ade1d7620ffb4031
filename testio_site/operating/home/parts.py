"""What the home is made of: cards of lines, each with what can be done about it. ``templates/operating`` shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.pages.parts import Option


@dataclass(frozen=True, slots=True)
class Button:
    """Does something by POST; where ``is_link``, leads to where it is done. ``about`` is read aloud after ``text``."""

    text: str
    icon: str
    url: str
    about: str = ""
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is wrong: ``state`` is a badge in that ``tone``, ``reason`` a sentence of the program's own."""

    title: str
    url: str = ""
    state: str = ""
    tone: str = ""
    more: str = ""
    reason: str = ""
    buttons: Sequence[Button] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """``count`` is of all there is, of which ``lines`` are the worst; ``ages`` narrow the list it leads to."""

    key: str
    title: str
    note: str
    count: str
    lines: Sequence[Line]
    ages: Sequence[Option] = ()
    button: Button | None = None
    all_url: str = ""

    @property
    def button_list(self) -> list[Button]:
        return [self.button] if self.button else []

    @property
    def is_cut(self) -> bool:
        return self.count != str(len(self.lines))
