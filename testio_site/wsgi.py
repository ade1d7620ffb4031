"""What a WSGI server loads: `granian --interface wsgi testio_site.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from testio_site import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")

application = get_wsgi_application()
checks.say_loudly()
