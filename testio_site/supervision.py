"""How a worker's processes end: soon, with the page in hand stored, and none without the others.

The worker is a parent that hands tasks to forked children, and with `--beat` a beat beside them.

* **A stop** (SIGTERM, Ctrl-C) reaches only the parent, and Celery then waits for the children's tasks, which may take
  hours. So the parent holds the write end of a pipe that every child reads: it closes it, or dies, and the children's
  tasks hear it through `sync.stopping`. A task that does not end within GRACE seconds (TestIO answers slowly) is
  given up with its process; its lease is taken over like that of any dead process.
* **A child that gets SIGTERM** itself, from a service manager that signals the whole group or because Celery cancels
  its task, ends its task the same way. At the soft time limit too.
* **A child that lost the database** in the middle of a task ends, and with it goes its claim to be working: the lease
  it could not give back is free for the next one at once, which the same task gets that is queued again.
* **Beat** is started again when it died, and ends when its parent did.
"""

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from billiard.util import get_logger as get_billiard_logger
from billiard.util import set_pdeathsig
from celery import Celery, bootsteps, signals
from celery.beat import EmbeddedService
from celery.worker import WorkController
from django.db import InterfaceError, OperationalError

from sync.stopping import stop

log = logging.getLogger(__name__)

#: What Celery sends a child whose task is past its soft time limit.
SOFT_LIMIT = signal.SIGUSR1
#: Seconds a task may take to end after it was asked to; then its process is ended.
GRACE = 5.0
#: Seconds Celery itself gets to end a child whose task has ended.
FAREWELL = 3.0
#: Seconds between two looks at whether beat, or beat's parent, is alive.
LOOK = 1.0


class Lifeline:
    """A pipe whose write end only the parent has: its end is the sign to stop."""

    def __init__(self) -> None:
        self._read, self._write = -1, -1
        self.parent = 0
        os.register_at_fork(after_in_child=self.cut)

    def begin(self) -> None:
        """In the parent, before the first fork."""
        self._read, self._write = os.pipe()
        self.parent = os.getpid()

    def cut(self) -> None:
        """In the parent: ask all children to stop. In a child: leave the write end to the parent alone."""
        write, self._write = self._write, -1
        if write >= 0:
            os.close(write)

    def wait(self) -> None:
        """In a child: returns when the parent wants it to stop, or is gone."""
        os.read(self._read, 1)


class TaskInHand:
    """What this child is at, if anything, and whether another may follow."""

    def __init__(self) -> None:
        self.idle = threading.Event()
        self.idle.set()
        self.is_last = False
        self._handlers: dict[int, Any] = {}

    def begin(self) -> None:
        self.idle.clear()
        stop.clear()  # it was meant for the task before
        if self.is_last:
            stop.set()
        self._handlers = {number: signal.signal(number, _ask_to_stop) for number in (signal.SIGTERM, SOFT_LIMIT)}

    def end(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        self.idle.set()

    @property
    def in_hand(self) -> bool:
        return not self.idle.is_set()

    def end_soon(self) -> bool:
        """Ask it to stop, and all that follow; whether it did within GRACE seconds."""
        self.is_last = True
        stop.set()
        return self.idle.wait(GRACE)


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    stop.set()


_lifeline = Lifeline()
_task = TaskInHand()


def install(app: Celery) -> None:
    app.steps["worker"].add(Supervision)


@signals.worker_init.connect
def _begin(**_: Any) -> None:
    _lifeline.begin()


@signals.worker_shutting_down.connect
def _stop_children(**_: Any) -> None:
    _lifeline.cut()


@signals.worker_process_init.connect
def _watch_parent(**_: Any) -> None:
    # Celery asks the kernel to kill a child with the thread that forked it. The lifeline tells it in time to clean up.
    with suppress(OSError):
        set_pdeathsig(0)
    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()


@signals.worker_process_shutdown.connect
def _end_undisturbed(**_: Any) -> None:
    # The parent answers a child's farewell with SIGTERM. It must not end the child while that still holds the lock of
    # the queue it said farewell in: the parent would wait for the lock for ever. billiard masks it, in one thread.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_with_parent() -> None:
    _lifeline.wait()
    ended = _task.end_soon()
    if ended:
        time.sleep(FAREWELL)
    else:
        log.warning("The task in hand did not end within %.0f seconds; its process is ended.", GRACE)
    os._exit(0 if ended else 1)


@signals.task_prerun.connect
def _begin_task(**_: Any) -> None:
    if threading.current_thread() is threading.main_thread():  # signals can be handled there only
        _task.begin()


@signals.task_postrun.connect
def _end_task(**_: Any) -> None:
    if threading.current_thread() is threading.main_thread():
        _task.end()


@signals.task_failure.connect
def _end_without_database(sender: Any, exception: BaseException, **_: Any) -> None:
    if _task.in_hand and isinstance(exception, OperationalError | InterfaceError):
        said = " ".join(str(exception).split())
        log.error("%s lost the database; it is queued again and its process ended: %s", sender.name, said)
        os._exit(1)


@signals.beat_embedded_init.connect
def _end_beat_with_parent(**_: Any) -> None:
    threading.Thread(target=_end_without, args=(_lifeline.parent,), name="parent", daemon=True).start()


def _end_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


class Supervision(bootsteps.StartStopStep):
    """The parent's part: stop the children before their pool is waited for, and keep beat alive.

    Celery itself would go on without beat, and nothing would come due.
    """

    requires = (
        "celery.worker.components:Pool",
        "celery.worker.components:Beat",
        "celery.worker.components:Timer",
    )

    def __init__(self, worker: WorkController, **options: Any) -> None:
        self._looks: Any = None
        self._new_beat: Any = None
        super().__init__(worker, **options)

    def start(self, worker: WorkController) -> None:
        get_billiard_logger().propagate = True  # else it writes to standard error in a form of its own
        if worker.beat:
            self._looks = worker.timer.call_repeatedly(LOOK, self._look, (worker,))

    def stop(self, _: WorkController) -> None:
        _lifeline.cut()
        if self._looks:
            self._looks.cancel()
        if self._new_beat:
            self._new_beat.stop()

    terminate = stop

    def _look(self, worker: WorkController) -> None:
        if worker.blueprint.state == bootsteps.RUN and not worker.beat.is_alive():
            log.error("Beat ended with exit code %s and is started again.", worker.beat.exitcode)
            self._new_beat = worker.beat = EmbeddedService(worker.app, scheduler_cls=worker.scheduler)
            worker.beat.start()
