"""What the API's document calls a format of its own, for schemathesis: it makes up values from these.

Loaded by schemathesis itself (``SCHEMATHESIS_HOOKS``).
"""

import schemathesis
from hypothesis import strategies as st

_AMOUNTS = st.integers(1, 400).map(str)
_UNITS = st.sampled_from(["day", "days", "week", "weeks", "month", "months"])
_PHRASES = st.sampled_from(["today", "yesterday", "last week", "last month"])

schemathesis.openapi.format(
    "date-phrase",
    st.one_of(
        st.dates().filter(lambda day: 1970 <= day.year <= 2100).map(str),
        st.tuples(_AMOUNTS, _UNITS).map(lambda parts: f"{parts[0]} {parts[1]} ago"),
        _PHRASES,
    ),
)
