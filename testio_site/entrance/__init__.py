"""Logging in: guarded against guessing, with a second factor for those who want one or where all have to."""
