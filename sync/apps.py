from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Everything between TestIO and our tables."""

    name = "sync"
    verbose_name = "Sync"
