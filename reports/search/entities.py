"""What can be found, and where each kind of it keeps what is shown."""

from dataclasses import dataclass
from typing import Any

from django.db import models

from sync.models import Bug, Feature, Product, Test


@dataclass(frozen=True, slots=True)
class Entity:
    """``texts`` are searched beside the title, the weightiest first; ``date`` is empty where a kind has none."""

    name: str
    manager: "models.Manager[Any]"
    title: str
    texts: tuple[str, ...]
    date: str = ""
    product: str = "product"

    @property
    def permission(self) -> str:
        return f"sync.view_{self.name}"

    @property
    def product_id(self) -> str:
        return f"{self.product}_id" if self.product else "pk"

    def of_product(self, field: str) -> str:
        """The path to a field of the product."""
        return f"{self.product}__{field}" if self.product else field

    @property
    def rows(self) -> "models.QuerySet[Any]":
        return self.manager.order_by()


#: In the order in which equally good ones are shown.
ENTITIES = (
    Entity("product", Product.objects, "name", ("product_type", "description"), product=""),
    Entity("feature", Feature.objects, "title", ("story_titles", "description", "howtofind")),
    Entity("test", Test.objects, "title", ("goal", "instructions", "out_of_scope"), date="end_at"),
    Entity("bug", Bug.objects, "title", ("actual_result", "steps", "expected_result"), date="reported_at"),
)
