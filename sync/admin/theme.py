"""The admin theme's classes, with types.

Unfold ships no type information. To mypy its classes are therefore Django's own, which they extend; at run time they
are Unfold's. And Django's own are generic to mypy only. Admin modules take all of them from here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django import forms
    from django.contrib import admin
    from django.contrib.admin.views.main import ChangeList as ChangeList

    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.forms import ModelForm
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.views import ChangeList

__all__ = ["ChangeList", "ModelAdmin", "ModelForm", "TabularInline"]
