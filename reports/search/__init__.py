"""Full-text search over products, features, tests and bugs."""

from reports.search.candidates import Window
from reports.search.entities import ENTITIES, Entity
from reports.search.finding import Found, Place, Result, Searched, search
from reports.search.highlight import Part
from reports.search.words import NothingToSearch, Question, understand

__all__ = [
    "ENTITIES",
    "Entity",
    "Found",
    "NothingToSearch",
    "Part",
    "Place",
    "Question",
    "Result",
    "Searched",
    "Window",
    "search",
    "understand",
]
