import pytest

from sync.evidence import is_doubtful


@pytest.mark.parametrize(
    ("known", "absent", "doubtful"),
    [
        (0, 0, False),
        (10, 0, False),
        (3, 1, False),
        (2, 1, True),
        (19, 9, True),
        (10, 4, True),
        (10, 3, False),
        (1, 1, True),
    ],
)
def test_a_list_is_doubted_once_two_fifths_of_what_is_known_are_absent(known: int, absent: int, doubtful: bool) -> None:
    assert is_doubtful(known, absent) is doubtful
