"""How times look to people: "20 Nov 2026 07:45", in blanks that do not break where a date would be torn apart."""

DATE_FORMAT = "j\xa0M\xa0Y"
DATETIME_FORMAT = "j\xa0M\xa0Y H:i"
