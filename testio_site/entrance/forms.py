"""What is typed in at the door."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth
from django.core.validators import MaxLengthValidator

_ATTRIBUTES = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "maxlength": "40"}


def _dressed(form: forms.BaseForm) -> None:
    """As the pages' style sheet knows a field."""
    for field in form.fields.values():
        field.widget.attrs["class"] = "field"


class LoginForm(auth.AuthenticationForm):
    """Anybody's name and password, staff or not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django tells only the browser: a longer name is nobody's, and too long to be counted as a guess.
        self.fields["username"].validators.append(MaxLengthValidator(150))
        _dressed(self)


class PasswordForm(auth.PasswordChangeForm):
    """One's own password, the old one first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dressed(self)


class CodeForm(forms.Form):
    """A code of the app, or a recovery code; blanks and hyphens in it are nobody's mistake."""

    code = forms.CharField(max_length=40, widget=forms.TextInput(attrs={**_ATTRIBUTES, "autofocus": ""}))

    def __init__(self, *args: Any, help_text: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = help_text
        _dressed(self)
