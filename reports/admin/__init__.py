"""The admin of reports: what people saved, wrote to files and have mailed, and what customers call healthy."""

from reports.admin import run, saved, schedule, thresholds

__all__ = ["run", "saved", "schedule", "thresholds"]
