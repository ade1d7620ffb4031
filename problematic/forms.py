"""What people type or paste into the pages of this app."""

import re
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from problematic import triage

#: More in one go is a mistake of whoever pastes: no gap hides that many tests.
MOST_TEST_IDS = 1_000
#: Python refuses to read numbers of thousands of digits.
_LONGEST_WORD = 100


class TestIdsForm(forms.Form):
    """Test ids as they come from a mail or a sheet; cleaned they are a list of numbers, each once."""

    test_ids = forms.CharField(
        label="Test ids",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "placeholder": "501234, 501240"}),
        help_text="Separated by spaces, commas or lines.",
        error_messages={"required": "Give at least one test id."},
    )

    def clean_test_ids(self) -> list[int]:
        text: str = self.cleaned_data["test_ids"]
        if endless := re.search(rf"\d{{{_LONGEST_WORD},}}", text):
            raise ValidationError(f"{endless[0][:20]}… is no test id: it is far too long.")
        try:
            test_ids = triage.read_test_ids(text)
        except triage.BadTestIds as error:
            raise ValidationError(str(error)) from None
        if len(test_ids) > MOST_TEST_IDS:
            raise ValidationError(f"These are {len(test_ids):,} test ids; map at most {MOST_TEST_IDS:,} at a time.")
        return test_ids

    @property
    def complaint(self) -> str:
        """Everything that is wrong, as one text."""
        return " ".join(str(sentence) for sentences in self.errors.values() for sentence in sentences)


class ClearForm(forms.Form):
    """What a confirmation page showed, sent back by it."""

    events = forms.CharField(widget=forms.HiddenInput)
    fingerprint = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean_events(self) -> list[UUID]:
        try:
            return [UUID(word) for word in self.cleaned_data["events"].split()]
        except ValueError:
            raise ValidationError("These are no ids of events. Choose the events in the list.") from None
