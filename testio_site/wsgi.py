"""What a WSGI server loads: `granian --interface wsgi testio_site.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from testio_site import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")

application = get_wsgi_application()
checks.say_loudly()
# What is loaded by now is never garbage. To look through it for some takes a tenth of a second, in somebody's request.
_ = get_resolver().url_patterns  # loads all pages
gc.collect()
gc.freeze()
