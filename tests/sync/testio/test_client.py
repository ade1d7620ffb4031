import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync.limiter import LocalLimiter
from sync.testio import client as client_module
from sync.testio.asking import Limiter, Meter, Patience
from sync.testio.client import TestIOClient
from sync.testio.errors import (
    TestIOCancelled,
    TestIOError,
    TestIONotFound,
    TestIORefused,
    TestIOTooLarge,
    TestIOUnavailable,
    TestIOUnexpected,
    TestIOUnreadable,
)
from testio_site.environment import BASE_DIR

TOKEN = "s3cr3t-t0ken"
HURRIED = Patience(first_wait=0.001, longest_wait=0.002)
STORIES = "includes[]=user_stories"


@dataclass(frozen=True)
class Answer:
    """What the scripted server does with one request."""

    status: int = 200
    body: bytes = b'{"products": []}'
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None  # bytes, when the Content-Length is to be a lie
    pace: float = 0.0  # seconds between the bytes of the body


class Dropped:
    """The connection is closed without an answer."""


Step = Answer | Dropped


class ScriptedServer:
    """A loopback HTTP server that answers as its script says, the last step for ever, and remembers the questions."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/customer/v2"

    def next_step(self, request: BaseHTTPRequestHandler) -> Step:
        with self.lock:
            self.requests.append(request.path.removeprefix("/customer/v2"))
            self.tokens.append(request.headers["Authorization"])
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

            def do_GET(self) -> None:
                step = server.next_step(self)
                if isinstance(step, Dropped):
                    self.close_connection = True
                    return
                self.send_response(step.status)
                self.send_header("Content-Length", str(step.announced or len(step.body)))
                for name, value in step.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.close_connection = step.announced is not None
                self.write(step)

            def write(self, step: Answer) -> None:
                pieces = [step.body[i : i + 1] for i in range(len(step.body))] if step.pace else [step.body]
                try:
                    for piece in pieces:
                        time.sleep(step.pace)
                        self.wfile.write(piece)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Not on the tests' standard error."""

        return Handler


@contextmanager
def serving(*steps: Step) -> Iterator[ScriptedServer]:
    server = ScriptedServer(*steps)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


class PauseRecorder:
    """A limiter that lets everybody through and writes down the pauses."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def slot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def client_of(
    server: ScriptedServer,
    *,
    limiter: Limiter | None = None,
    patience: Patience = HURRIED,
    timeout: float = 10,
    stop: threading.Event | None = None,
) -> TestIOClient:
    limiter = limiter or PauseRecorder()
    return TestIOClient(server.url, TOKEN, limiter=limiter, timeout=timeout, patience=patience, stop=stop, private=True)


Question = Callable[[TestIOClient], object]


def failure_of(question: Question, client: TestIOClient) -> TestIOError:
    with pytest.raises(TestIOError) as caught:
        question(client)
    return caught.value


def ask_products(client: TestIOClient) -> object:
    return client.products()


def ask_bugs(client: TestIOClient) -> object:
    return client.bugs([1, 2])


@pytest.mark.parametrize(
    ("question", "path", "body", "expected"),
    [
        (lambda c: c.products(), "/products", b'{"products": [{"id": 1}]}', [{"id": 1}]),
        (
            lambda c: c.products([2, 1]),
            "/products?filter[product_ids][]=1&filter[product_ids][]=2",
            b'{"products": [{"id": 1}]}',
            [{"id": 1}],
        ),
        (lambda c: c.product(7), "/products/7", b'{"product": {"id": 7}}', {"id": 7}),
        (lambda c: c.features(7), f"/products/7/features?{STORIES}", b'{"features": [{"id": 1}]}', [{"id": 1}]),
        (lambda c: c.section_features(7, 8), "/products/7/sections/8/features", b'{"features": []}', []),
        (
            lambda c: c.tests(7, 3, 64),
            f"/products/7/exploratory_tests?page=3&per_page=64&{STORIES}",
            b'{"exploratory_tests": [{"id": 1}]}',
            [{"id": 1}],
        ),
        (lambda c: c.test(9), f"/exploratory_tests/9?{STORIES}", b'{"exploratory_test": {"id": 9}}', {"id": 9}),
        (lambda c: c.bugs([3, 1]), "/bugs?filter_test_cycle_ids=3,1", b'{"bugs": [{"id": 5}]}', [{"id": 5}]),
        (lambda c: c.bugs([3]), "/bugs?filter_test_cycle_ids=3", b'[{"id": 5}]', [{"id": 5}]),
        (lambda c: c.bug(5), "/bugs/5", b'{"bug": {"id": 5}}', {"id": 5}),
        (lambda c: c.test_case_test(7, 9), "/products/7/test_case_tests/9", b'{"test_case_test": {}}', {}),
        (lambda c: c.test_case_results(7, 9), "/products/7/test_case_tests/9/results", b'[{"id": 1}]', [{"id": 1}]),
        (lambda c: c.reject_reasons(), "/bugs/reject_reasons", b'[{"key": "k"}]', [{"key": "k"}]),
        (lambda c: c.reject_reasons(), "/bugs/reject_reasons", b'{"reject_reasons": []}', []),
    ],
)
def test_each_question_has_its_address_and_comes_out_of_its_envelope(
    question: Question, path: str, body: bytes, expected: object
) -> None:
    with serving(Answer(body=body)) as server, client_of(server) as client:
        assert question(client) == expected
    assert server.requests == [path]
    assert server.tokens == [f"Token {TOKEN}"]


def test_asking_for_the_bugs_of_no_test_makes_no_call() -> None:
    with serving(Answer()) as server, client_of(server) as client:
        assert client.bugs([]) == []
        assert client.calls == 0


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'"x"', b'{"products": null}', b'{"products": {"id": 1}}'])
def test_an_answer_without_its_envelope_is_unexpected_and_names_the_path(body: bytes) -> None:
    with serving(Answer(body=body)) as server, client_of(server) as client:
        failure = failure_of(ask_products, client)
    assert type(failure) is TestIOUnexpected
    assert failure.path == "/products"
    assert len(server.requests) == 1


def test_a_single_record_outside_its_envelope_is_unexpected() -> None:
    with serving(Answer(body=b'{"id": 9}')) as server, client_of(server) as client:
        failure = failure_of(lambda c: c.test(9), client)
    assert type(failure) is TestIOUnexpected
    assert failure.path == f"/exploratory_tests/9?{STORIES}"


def test_text_that_strict_json_forbids_is_read_all_the_same() -> None:
    body = b'{"products": [{"title": "\\ud800 a\x07b \xff", "rate": NaN}]}'
    with serving(Answer(body=body)) as server, client_of(server) as client:
        assert client.products() == [{"title": "\ud800 a\x07b \ufffd", "rate": None}]


PASSING: list[Step] = [
    *(Answer(status=status) for status in (502, 503, 504, 520, 524)),
    Dropped(),
    Answer(announced=1000),
    Answer(body=b'{"products": [{"id"'),
    Answer(body=b"<html>Down for maintenance</html>"),
    Answer(body=b""),
    Answer(headers={"Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize("trouble", PASSING)
def test_passing_trouble_is_repeated_until_it_passes(trouble: Step) -> None:
    with serving(*[trouble] * 5, Answer()) as server, client_of(server) as client:
        assert client.products() == []
        assert client.calls == 6


@pytest.mark.parametrize("trouble", PASSING)
def test_passing_trouble_that_stays_is_reported_after_six_attempts(trouble: Step) -> None:
    with serving(trouble) as server, client_of(server) as client:
        failure = failure_of(ask_products, client)
        assert client.calls == 6
    assert isinstance(failure, TestIOUnavailable)
    assert failure.path == "/products"


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with serving(Answer()) as server:
        pass
    with client_of(server) as client:
        failure = failure_of(ask_products, client)
    assert type(failure) is TestIOUnavailable
    assert failure.status is None
    assert "Check the network and the customer's API base URL." in str(failure)


def test_a_500_is_asked_for_three_times_before_it_is_believed() -> None:
    with serving(Answer(status=500)) as server, client_of(server) as client:
        assert type(failure_of(lambda c: c.test(9), client)) is TestIOUnreadable
    assert len(server.requests) == 3


@pytest.mark.parametrize("confirm", [1, 2, 4])
def test_the_caller_decides_how_often_a_500_on_a_list_is_confirmed(confirm: int) -> None:
    questions: list[Question] = [lambda c: c.tests(7, 1, 2, confirm=confirm), lambda c: c.bugs([1], confirm=confirm)]
    for question in questions:
        with serving(Answer(status=500)) as server, client_of(server) as client:
            assert failure_of(question, client).status == 500
        assert len(server.requests) == confirm


def test_kinds_of_trouble_are_counted_apart() -> None:
    steps = [Answer(status=503)] * 5 + [Answer(status=500)] * 2 + [Answer()]
    with serving(*steps) as server, client_of(server) as client:
        assert client.products() == []


@pytest.mark.parametrize("status", [413, 414, 524])
def test_a_bug_query_that_is_too_large_is_handed_back_at_once(status: int) -> None:
    with serving(Answer(status=status)) as server, client_of(server) as client:
        failure = failure_of(ask_bugs, client)
    assert (type(failure), failure.status) == (TestIOTooLarge, status)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("question", "attempts"), [(ask_bugs, 1), (ask_products, 2)])
def test_a_time_out_is_too_large_after_at_most_one_repetition(question: Question, attempts: int) -> None:
    with serving(Answer(pace=0.2)) as server, client_of(server, timeout=0.1) as client:
        failure = failure_of(question, client)
    assert (type(failure), failure.status) == (TestIOTooLarge, None)
    assert len(server.requests) == attempts


def test_the_time_out_is_for_the_whole_answer_not_for_each_piece_of_it() -> None:
    with serving(Answer(pace=0.05)) as server, client_of(server, timeout=0.2) as client:
        assert type(failure_of(ask_bugs, client)) is TestIOTooLarge


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER", 5)
    with serving(Answer()) as server, client_of(server) as client:
        failure = failure_of(ask_products, client)
        assert client.calls == 1
    assert (type(failure), failure.status) == (TestIOTooLarge, 413)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, TestIORefused),
        (403, TestIORefused),
        (404, TestIONotFound),
        (400, TestIOUnexpected),
        (422, TestIOUnexpected),
        (201, TestIOUnexpected),
        (304, TestIOUnexpected),
    ],
)
def test_what_repetition_cannot_mend_is_reported_at_once(status: int, kind: type[TestIOError]) -> None:
    with serving(Answer(status=status, body=b"")) as server, client_of(server) as client:
        failure = failure_of(ask_products, client)
    assert (type(failure), failure.status, failure.path) == (kind, status, "/products")
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed_so_the_token_stays_here() -> None:
    with serving(Answer()) as elsewhere:
        redirect = Answer(status=302, headers={"Location": elsewhere.url})
        with serving(redirect) as server, client_of(server) as client:
            assert type(failure_of(ask_products, client)) is TestIOUnexpected
        assert elsewhere.requests == []


def test_a_429_pauses_everybody_for_as_long_as_asked() -> None:
    limiter = PauseRecorder()
    refusals = [Answer(status=429, headers={"Retry-After": "7"}), Answer(status=429), Answer(status=200)]
    with serving(*refusals) as server, client_of(server, limiter=limiter) as client:
        assert client.products() == []
    assert limiter.pauses == [7.0, 5.0]


def test_refusals_do_not_use_up_the_attempts() -> None:
    refused = Answer(status=429, headers={"Retry-After": "0"})
    steps = [refused] * 10 + [Answer(status=503)] * 5 + [refused] * 10 + [Answer()]
    with serving(*steps) as server, client_of(server) as client:
        assert client.products() == []


def test_a_server_that_asks_for_no_pause_and_refuses_again_is_given_growing_ones() -> None:
    limiter = PauseRecorder()
    steps = [Answer(status=429, headers={"Retry-After": "0"})] * 4 + [Answer()]
    with serving(*steps) as server, client_of(server, limiter=limiter, patience=Patience()) as client:
        client.products()
    assert limiter.pauses == [0.1, 0.2, 0.4, 0.8]


def test_a_service_that_refuses_everything_for_a_while_only_delays_us() -> None:
    with serving(Answer(status=429, headers={"Retry-After": "0"})) as server:
        limiter = LocalLimiter(4)
        recovery = threading.Timer(0.3, lambda: server.steps.append(Answer()))
        with client_of(server, limiter=limiter) as client, ThreadPoolExecutor(4) as threads:
            recovery.start()
            assert list(threads.map(lambda _: client.products(), range(8))) == [[]] * 8
        recovery.join()


def test_refusals_without_end_are_reported_in_the_end() -> None:
    with serving(Answer(status=429)) as server, client_of(server, patience=Patience(refused_for=0)) as client:
        failure = failure_of(ask_products, client)
    assert (type(failure), failure.status) == (TestIOUnavailable, 429)


@pytest.mark.parametrize("trouble", [Answer(status=503), Answer(status=429, headers={"Retry-After": "60"})])
def test_a_stop_ends_the_wait_before_a_repetition(trouble: Answer) -> None:
    stop = threading.Event()
    patience = Patience(first_wait=60, longest_wait=60)
    limiter = LocalLimiter(1, stop=stop)
    with serving(trouble) as server, client_of(server, limiter=limiter, patience=patience, stop=stop) as client:
        stopper = threading.Timer(0.1, stop.set)
        stopper.start()
        began = time.monotonic()
        assert type(failure_of(ask_products, client)) is TestIOCancelled
        assert time.monotonic() - began < 20
        stopper.join()


def test_a_stopped_client_still_answers_what_needs_no_wait() -> None:
    stop = threading.Event()
    stop.set()
    with serving(Answer()) as server, client_of(server, stop=stop) as client:
        assert client.products() == []


def test_calls_are_counted_per_client_and_per_meter_over_threads() -> None:
    mine, other = Meter(), Meter()
    with serving(Answer()) as server, client_of(server) as client, ThreadPoolExecutor(8) as threads:
        with client.metered(mine) as metered:
            list(threads.map(lambda _: metered.products(), range(40)))
        client.metered(mine).metered(other).products()
        client.products()
        assert (mine.calls, other.calls, client.calls) == (41, 1, 42)


def test_repetitions_are_counted_as_calls() -> None:
    meter = Meter()
    with serving(Answer(status=503), Answer(status=429), Answer()) as server, client_of(server) as client:
        client.metered(meter).products()
    assert meter.calls == 3


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "caf\u00e9", "nul\x00"])
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(TestIORefused) as caught:
        TestIOClient("http://127.0.0.1:1", f"{TOKEN}{token}" if token.strip() else token, limiter=PauseRecorder())
    assert TOKEN not in str(caught.value)


def test_blanks_around_a_token_are_a_copying_accident() -> None:
    with (
        serving(Answer()) as server,
        TestIOClient(server.url, f" {TOKEN}\n", limiter=PauseRecorder(), private=True) as client,
    ):
        client.products()
    assert server.tokens == [f"Token {TOKEN}"]


@pytest.mark.parametrize(
    "base_url",
    ["", "api.test.io/customer/v2", "ftp://api.test.io", "https://", "https://user:pw@api.test.io", "http://[::1"],
)
def test_an_address_that_cannot_be_called_is_refused_in_one_sentence(base_url: str) -> None:
    with pytest.raises(
        TestIOUnexpected, match=r"^The customer's API base URL is not an address calls can be made to\."
    ):
        TestIOClient(base_url, TOKEN, limiter=PauseRecorder())


def test_a_company_proxy_is_not_asked_for_a_sandbox_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with serving(Answer()) as server, client_of(server) as client:
        assert client.products() == []


EVERY_FAILURE: list[Step] = [
    *PASSING,
    *(Answer(status=status) for status in (302, 400, 401, 403, 404, 413, 429, 500)),
    Answer(pace=0.5),
    Answer(body=b"{}"),
]


def everything_a_traceback_can_show(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def chain_of(error: BaseException | None) -> list[BaseException]:
    if error is None:
        return []
    return [error, *chain_of(error.__cause__), *chain_of(error.__context__)]


@pytest.mark.parametrize("trouble", EVERY_FAILURE)
def test_no_failure_carries_the_token_or_the_request_that_holds_it(
    trouble: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    patience = Patience(first_wait=0.001, longest_wait=0.002, refused_for=0)
    with serving(trouble) as server, client_of(server, patience=patience, timeout=0.2) as client:
        failure = failure_of(ask_products, client)
    assert {type(error).__module__ for error in chain_of(failure)} == {"sync.testio.errors"}
    assert TOKEN not in everything_a_traceback_can_show(failure)
    assert TOKEN not in repr((client, failure, vars(failure)))
    assert TOKEN not in caplog.text


def test_a_refused_token_is_not_in_the_frames_of_its_own_refusal() -> None:
    tokens: list[Any] = [f"{TOKEN} {TOKEN}"]
    with pytest.raises(TestIORefused) as caught:
        TestIOClient("http://127.0.0.1:1", tokens.pop(), limiter=PauseRecorder())
    assert TOKEN not in everything_a_traceback_can_show(caught.value)


def test_each_call_leaves_one_line_in_the_log_and_nobody_else_says_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Answer(status=503), Answer()) as server, client_of(server) as client:
        client.products()
    ours = [record for record in caplog.records if record.levelno >= logging.DEBUG]
    assert [record.name for record in ours] == ["sync.testio.asking"] * 2
    assert ours[0].getMessage().startswith("GET /products: 503 in ")


def test_every_error_says_what_happened_and_what_to_do(subtests: pytest.Subtests) -> None:
    for trouble in EVERY_FAILURE:
        with subtests.test(trouble=trouble):
            patience = Patience(first_wait=0.001, longest_wait=0.002, refused_for=0)
            with serving(trouble) as server, client_of(server, patience=patience, timeout=0.2) as client:
                sentences = str(failure_of(ask_products, client))
            assert sentences.endswith(".")
            assert 2 <= sentences.count(". ") + 1 <= 3
            assert "/products" in sentences


def test_no_other_module_of_ours_speaks_http() -> None:
    rooms = (BASE_DIR / room for room in ("sync", "problematic", "reports", "testio_site"))
    speakers = [
        path for room in rooms for path in room.rglob("*.py") if re.search(r"(import|from) httpx", path.read_text())
    ]
    assert speakers == [Path(client_module.__file__)]
