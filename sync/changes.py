"""Whether the data is still what it was: what is worked out from all of it may be kept until it is not.

Triggers (migrations 0014, 0015) write a row for every transaction that changed what figures are made of, whoever wrote:
a sync, a retry, an administrator, somebody with ``psql``. It becomes visible together with what it tells of, so what a
snapshot sees of these rows says exactly what it sees of the data.
"""

from django.db import connection, transaction

#: The trigger: while a backup is restored there is none yet, and afterwards it is another one, so what was worked out
#: of half the data is the answer of no state.
#: The sum: marks are random, and so are their hashes, so two sets of them do not have the same one, whatever was told
#: when.
_STATE = """
SELECT (SELECT oid FROM pg_trigger WHERE tgrelid = 'sync_bug'::regclass AND tgname = 'data_emptied')
    || '/' || (SELECT sum(hashtextextended(mark::text, 0)) FROM sync_datachange),
    coalesce(current_setting('testio_desk.changes_data', true), '') = ''
    AND current_setting('transaction_isolation') <> 'read committed'
"""
#: Kept are those of a day, only to be counted: one that took long becomes visible after later ones.
_FORGET = "DELETE FROM sync_datachange WHERE at < now() - interval '1 day'"
_TELL = "INSERT INTO sync_datachange DEFAULT VALUES"


def state() -> str | None:
    """What the data is that this transaction sees: the same words mean the same data, also in other processes.

    None where nothing can be kept: no change was ever seen, nothing tells of any, this transaction itself changes the
    data (of which only the first change tells), or its next statement may see other data than this one (READ
    COMMITTED).
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        told, is_steady = cursor.fetchone()
    return told if is_steady else None


def forget_old() -> int:
    """Delete what was told of more than a day ago; how many rows.

    A change itself: what took more than a day is deleted as soon as it is seen, and has changed the data all the same.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FORGET)
        deleted: int = cursor.rowcount
        if deleted:
            cursor.execute(_TELL)
    return deleted
