"""Syncs in the browser: all runs, starting one, watching one and comparing it with another."""
