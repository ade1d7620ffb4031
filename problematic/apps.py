from django.apps import AppConfig


class ProblematicConfig(AppConfig):
    """What could not be fetched, and getting it back."""

    name = "problematic"
    verbose_name = "Problems"

    def ready(self) -> None:
        from problematic import background, events  # noqa: F401  # connects receivers; needs the models loaded
