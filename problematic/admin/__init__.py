"""The admin of problems: find an event, see what hides in it, map, retry, clear. Every step ends in the core."""

from problematic.admin import event, history, job, mapping

__all__ = ["event", "history", "job", "mapping"]
