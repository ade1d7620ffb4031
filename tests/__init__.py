"""All of it says what was there where something else was expected, also the modules that tests share."""

import pkgutil

import pytest

pytest.register_assert_rewrite(*(f"tests.{module.name}" for module in pkgutil.iter_modules(__path__)))
