"""Reports people saved, runs that write one to a file, schedules that mail one, and what customers call healthy."""

from reports.models.run import RUN_PREFIX, ReportRun, exports_folder
from reports.models.saved import SAVED_PREFIX, SavedReport
from reports.models.schedule import SCHEDULE_PREFIX, ReportSchedule
from reports.models.thresholds import CustomerThresholds

__all__ = [
    "RUN_PREFIX",
    "SAVED_PREFIX",
    "SCHEDULE_PREFIX",
    "CustomerThresholds",
    "ReportRun",
    "ReportSchedule",
    "SavedReport",
    "exports_folder",
]
