"""What a database that fails us means for the operator, in one sentence."""


def about_database(error: Exception) -> str:
    """What happened and what to do; ``error`` is Django's, whose cause is the driver's."""
    said = str(error).strip().partition("\n")[0]  # what follows are details for people who know PostgreSQL
    state = str(getattr(error.__cause__, "sqlstate", None) or "")
    if state == "53100":
        return f"The database has no room left ({said}). Free disk space and run this again; what was stored stays."
    return f"The database did not do its part: {said}. Check DATABASE_URL and that the server runs, then try again."
