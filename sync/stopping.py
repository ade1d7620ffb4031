"""Where long work in a background process hears that it is to stop.

``testio_site.supervision`` sets it when the worker is asked to end; tasks pass it on as ``stop``. One process does one
task at a time, so one event is enough. In every other process nobody sets it.
"""

import threading

stop = threading.Event()
