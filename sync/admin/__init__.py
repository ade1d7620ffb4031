"""The admin of everything synced, one module per concept, mirrored on ``sync.models``."""

from sync.admin import bug, customer, feature, lease, person, product, run, test, test_case, watcher

__all__ = ["bug", "customer", "feature", "lease", "person", "product", "run", "test", "test_case", "watcher"]
