"""When a list proves that something is gone: never once it lost a large part of itself."""


def is_doubtful(known: int, absent: int) -> bool:
    """Whether so many of the known entries are absent that the list, not the entries, is to be doubted.

    Two fifths, so that a list cut in two halves of unequal length is doubted for either half.
    """
    return absent * 5 >= known * 2 and absent > 0
