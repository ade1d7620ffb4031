"""Why a bug was rejected, read from its comments."""

import re
from collections.abc import Iterable
from html import unescape

#: TestIO's standard sentences by reason key, as listed in its customer interface.
SENTENCES = {
    "device_not_relevant": "This device is not relevant and the bug will not be fixed.",
    "ignored_instructions": "The test instructions were not followed.",
    "intended_behavior": "The behaviour/design described here is intentional.",
    "irrelevant": "This bug is not relevant and will not be fixed.",
    "known_bug": "This is a legit bug but already known.",
    "not_reproducible": "With the information provided it was not possible to reproduce this bug.",
    "request_timeout": "rejected automatically, because you didn't respond to the request within 24 hours",
}

_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def rejection_reason(comment_bodies: Iterable[str]) -> str:
    """The key of the first comment that holds one of the standard sentences, or ``""``.

    Comments may wrap the sentence or parts of it in HTML, spread it over lines and use a typographic apostrophe.
    """
    for body in comment_bodies:
        text = _plain(body)
        for key, sentence in _PLAIN_SENTENCES.items():
            if sentence in text:
                return key
    return ""


def _plain(text: str) -> str:
    # Without any space: a tag may stand between two words or between a word and its full stop.
    return _SPACE.sub("", unescape(_TAG.sub("", text))).replace("’", "'").casefold()


_PLAIN_SENTENCES = {key: _plain(sentence) for key, sentence in SENTENCES.items()}
