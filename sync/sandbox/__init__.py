"""A simulated TestIO customer API for the demo, the tests and the benchmarks.

::

    with SandboxServer(World(tests=80, products=1), Faults(random_500=0.02)) as sandbox:
        client = TestIOClient(sandbox.base_url, token=sandbox.token)

``world`` holds the truth, ``faults`` what goes wrong, ``service`` and ``views`` answer a request, ``server`` carries
it over real sockets, ``control`` changes all of it from another process. It needs Django's settings but no database.
"""

from sync.sandbox.faults import Faults
from sync.sandbox.server import SandboxServer
from sync.sandbox.world import World

__all__ = ["Faults", "SandboxServer", "World"]
