"""What to do next about an event, in a sentence or two."""

from collections.abc import Mapping

from problematic.admin.looks import many
from problematic.models import PENDING, EventStatus, MappingState, ProblematicEvent


def next_step(event: ProblematicEvent, states: Mapping[str, int], *, suggested: int, retrying: bool) -> str:
    """``states``: how many tests mapped to the event are in which state."""
    if event.status == EventStatus.CLEARED:
        return "It was put away: nothing is left to do. If the gap is still there, the next sync finds it anew."
    if event.status == EventStatus.RESOLVED and not retrying:
        return _resolved(sum(states.get(state, 0) for state in PENDING))
    if retrying:
        return "A retry is running. What comes of it shows below, by itself."
    mapped = sum(states.values())
    if not mapped:
        return _find_out(event.size, suggested)
    sentences = [*_unfinished(states), _unmapped(event.size - mapped)]
    said = " ".join(filter(None, sentences))
    return said or "All that is mapped is stored. The next sync that reads through this place resolves the event."


def _resolved(unstored: int) -> str:
    if not unstored:
        return "It resolved itself: nothing is left to do. Clear it to put it away."
    tests = "1 mapped test was" if unstored == 1 else f"{unstored:,} mapped tests were"
    return f"It resolved itself, but {tests} not stored. Press Retry to fetch what can be fetched, or clear the event."


def _find_out(hidden: int, suggested: int) -> str:
    tests = "1 test hides here and is" if hidden == 1 else f"{hidden:,} tests hide here and are"
    if suggested:
        return f"{tests} not mapped yet. Look at the suggestions below and map what you are sure of."
    return f"{tests} not mapped yet. Our data suggests nothing: ask TestIO what cannot be read here, then map the ids."


def _unfinished(states: Mapping[str, int]) -> list[str]:
    queued, failed, dead = (
        states.get(state, 0) for state in (MappingState.QUEUED, MappingState.FAILED, MappingState.DEAD)
    )
    sentences = []
    if queued:
        sentences.append(f"{many(queued, 'mapped test')} not tried yet: press Retry to fetch what can be fetched.")
    if failed:
        sentences.append(f"{many(failed, 'mapped test')} could not be stored: the table says why. Retry when repaired.")
    if dead:
        given_up = f"{many(dead, 'mapped test')} given up after too many failures."
        sentences.append(f"{given_up} Have TestIO repair them, then press Retry, which tries them again.")
    return sentences


def _unmapped(number: int) -> str:
    if number <= 0:
        return ""
    return "1 more test hides here." if number == 1 else f"{number:,} more tests hide here."
