"""Removing a product's synced rows, so that the next sync reads them all again."""

from collections.abc import Iterator

from django.db import connection
from psycopg import sql

from sync.models import Product

# Children first. Written in SQL because the ORM would load half a million rows to cascade over them.
_OF_BUGS = ("sync_bugdevice", "sync_customreport")
_OF_TESTS = ("sync_testplatform", "sync_testfeature", "sync_testcase", "sync_testcaseresult", "sync_testfreshness")
_OF_FEATURES = ("sync_userstory", "sync_feature_sections")
_BY_OWNER = "DELETE FROM {} WHERE {} IN (SELECT id FROM {} WHERE product_id = %s)"
_UNLINK = "UPDATE {table} SET {column} = NULL WHERE {column} IN (SELECT id FROM {owner} WHERE product_id = %s)"
_UNLINK_TEST_FEATURES = (
    "UPDATE sync_bug SET test_feature_id = NULL WHERE test_feature_id IN (SELECT copy.id FROM sync_testfeature copy "
    "JOIN sync_test test ON test.id = copy.test_id WHERE test.product_id = %s)"
)
_OWN = "DELETE FROM {} WHERE product_id = %s"


def empty_product(product_id: int) -> None:
    """Delete everything synced of one product; its own row stays, as if never synced.

    Needs an open transaction in which the lease was proven.
    """
    for statement in _statements():
        with connection.cursor() as cursor:
            cursor.execute(statement, [product_id])
    Product.objects.filter(pk=product_id).update(
        features_synced_at=None,
        sections_synced_at=None,
        tests_synced_at=None,
        bugs_synced_at=None,
        walked_at=None,
        walked_since=None,
        fingerprint=b"",
    )


def _statements() -> Iterator[sql.Composed]:
    yield from (_by_owner(table, "bug_id", "sync_bug") for table in _OF_BUGS)
    yield _own("sync_bug")
    # What is kept under another product of the customer loses a link, not its row.
    yield _unlink("sync_bug", "test_id", "sync_test")
    yield sql.SQL(_UNLINK_TEST_FEATURES).format()
    yield from (_by_owner(table, "test_id", "sync_test") for table in _OF_TESTS)
    yield _own("sync_test")
    yield from (_by_owner(table, "feature_id", "sync_feature") for table in _OF_FEATURES)
    yield from (_unlink(table, "feature_id", "sync_feature") for table in ("sync_testfeature", "sync_bug"))
    yield _own("sync_feature")
    yield _unlink("sync_test", "section_id", "sync_section")
    yield _by_owner("sync_feature_sections", "section_id", "sync_section")
    yield _own("sync_section")


def _by_owner(table: str, column: str, owner: str) -> sql.Composed:
    return sql.SQL(_BY_OWNER).format(sql.Identifier(table), sql.Identifier(column), sql.Identifier(owner))


def _unlink(table: str, column: str, owner: str) -> sql.Composed:
    return sql.SQL(_UNLINK).format(
        table=sql.Identifier(table), column=sql.Identifier(column), owner=sql.Identifier(owner)
    )


def _own(table: str) -> sql.Composed:
    return sql.SQL(_OWN).format(sql.Identifier(table))
