import threading
import time

from sync.pipeline.stopping import OwnStop


def test_a_run_stops_with_its_caller() -> None:
    caller = threading.Event()
    own = OwnStop(caller)
    assert (own.is_set(), own.wait(0.01)) == (False, False)
    threading.Timer(0.05, caller.set).start()
    began = time.monotonic()
    assert own.wait(30)
    assert (own.is_set(), time.monotonic() - began < 10) == (True, True)


def test_a_run_that_stops_by_itself_does_not_stop_its_caller() -> None:
    caller = threading.Event()
    own, another = OwnStop(caller), OwnStop(caller)
    own.set()
    assert own.wait()
    assert (caller.is_set(), another.is_set()) == (False, False)


def test_without_a_caller_it_is_an_ordinary_event() -> None:
    own = OwnStop()
    assert (own.is_set(), own.wait(0.01)) == (False, False)
    own.set()
    assert own.wait(0)
