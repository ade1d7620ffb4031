"""What is typed in at the door."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

_ATTRIBUTES = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "maxlength": "40"}


class CodeForm(forms.Form):
    """A code of the app, or a recovery code; blanks and hyphens in it are nobody's mistake."""

    code = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget(attrs={**_ATTRIBUTES, "autofocus": ""}))

    def __init__(self, *args: Any, help_text: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = help_text
