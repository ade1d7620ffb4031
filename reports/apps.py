from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Figures people can trust, as page, API and file."""

    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        from reports import background, saved  # noqa: F401  # they connect receivers; need the models loaded
