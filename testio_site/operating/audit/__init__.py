"""The audit trail: who did what, when and from where, in one table that only age takes something out of.

Most of it the rooms write down anyway: the admin's log, which triage writes to as well, and the runs with whoever
started or cancelled them. ``doorway`` looks there at the end of each request that may have changed something, and adds
the address it came from (``gathering``). Logins, API tokens of the command line and report schedules announce
themselves (``signals``); what a page does beside all that it records itself, with ``trail.record``. What
a request did that nobody spoke of ``sentences`` say; what even they do not know is kept as it was: its method and
address. ``pruning`` removes what is old.
"""
