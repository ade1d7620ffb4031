"""Where a run is shown, and how it began."""

from django.urls import reverse

from sync.models import SyncEvent


def run_url(run: SyncEvent) -> str:
    return reverse("syncs:run", args=[run.public_id])


def trigger(run: SyncEvent) -> str:
    """How it began, within a sentence."""
    word = run.get_trigger_display()
    return word if word.isupper() else word.lower()
