from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Figures people can trust, as page, API and file."""

    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        from reports import background  # noqa: F401  # connects a receiver; needs the models loaded
