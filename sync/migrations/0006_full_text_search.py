"""What the search reads: a generated column of words on products, features, tests and bugs, kept by the database.

The functions are plain SQL whose bodies are bound when they are made (`RETURN`), so that they work under any search
path, a restored backup's too. Whatever text a row holds, they succeed: each field counts with its first 20,000
characters, which keeps a row's words far below what PostgreSQL can hold.
"""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

# A collation that knows the letters of all scripts, whatever the database was made with; the best the server has.
BEST_COLLATION = """
SELECT collname FROM pg_collation
WHERE collname IN ('pg_c_utf8', 'und-x-icu', 'default') AND collnamespace = 'pg_catalog'::regnamespace
ORDER BY array_position(ARRAY['pg_c_utf8', 'und-x-icu', 'default'], collname::text) LIMIT 1
"""

FUNCTIONS = r"""
-- Any text: its letters and digits in lower case, accents gone, everything else a blank.
CREATE FUNCTION sync_search_fold(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(
    replace(replace(replace(replace(translate(
        lower(regexp_replace(
            left(normalize(left(t, 20000) COLLATE {collation}, NFKD), 20000),
            '[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+', '', 'g')),
        'øđłıðς', 'odlidσ'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
    '[^[:alnum:]]+', ' ', 'g');

-- The same words for a twentieth of the time if the text is ASCII: only what PostgreSQL's parser would glue words
-- together with (paths, hosts, addresses, signed numbers, tags) has to go; it sees to the rest.
CREATE FUNCTION sync_search_words(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(t) <= 20000 AND octet_length(t) = length(t)
    THEN replace(replace(replace(replace(replace(replace(replace(replace(
        t, '.', ' '), '/', ' '), '-', ' '), '@', ' '), '<', ' '), '&', ' '), '+', ' '), '~', ' ')
    ELSE sync_search_fold(t) END;

CREATE FUNCTION sync_search_join(t text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$ BEGIN RETURN array_to_string(t, ' '); END $$;

CREATE FUNCTION sync_search(a text, b text, c text, d text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(to_tsvector('pg_catalog.simple'::regconfig, sync_search_words(a)), 'A')
    || setweight(to_tsvector('pg_catalog.simple'::regconfig, sync_search_words(b)), 'B')
    || setweight(to_tsvector('pg_catalog.simple'::regconfig, sync_search_words(c)), 'C')
    || to_tsvector('pg_catalog.simple'::regconfig, sync_search_words(d));
"""
NO_FUNCTIONS = """
DROP FUNCTION sync_search(text, text, text, text);
DROP FUNCTION sync_search_join(text[]);
DROP FUNCTION sync_search_words(text);
DROP FUNCTION sync_search_fold(text);
"""

# User stories are rows of their own, which a generated column cannot read: their titles are kept in their feature.
TITLES = """
SELECT coalesce(string_agg(story.title, E'\\n' ORDER BY story.id), '') FROM sync_userstory story
WHERE story.feature_id = feature.id AND story.missing_since IS NULL
"""
FILL = f"UPDATE sync_feature feature SET story_titles = ({TITLES})"
TRIGGERS = f"""
CREATE FUNCTION sync_keep_story_titles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sync_feature SET story_titles = wanted.titles
    FROM (
        SELECT feature.id, ({TITLES}) AS titles FROM sync_feature feature
        WHERE feature.id IN (SELECT feature_id FROM changed)
    ) wanted
    WHERE sync_feature.id = wanted.id AND sync_feature.story_titles <> wanted.titles;
    RETURN NULL;
END $$;
CREATE TRIGGER story_titles_inserted AFTER INSERT ON sync_userstory REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_keep_story_titles();
CREATE TRIGGER story_titles_updated AFTER UPDATE ON sync_userstory REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_keep_story_titles();
CREATE TRIGGER story_titles_deleted AFTER DELETE ON sync_userstory REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_keep_story_titles();
"""
NO_TRIGGERS = """
DROP TRIGGER story_titles_inserted ON sync_userstory;
DROP TRIGGER story_titles_updated ON sync_userstory;
DROP TRIGGER story_titles_deleted ON sync_userstory;
DROP FUNCTION sync_keep_story_titles();
"""

# Beside the row, like the payload: whoever counts or lists reads a quarter of the pages it would have to read if the
# words were in the row, and storing costs the same. 512 is what a row may measure before its longest values move out.
TABLES = ("sync_test", "sync_bug")
SMALL_ROWS = [f"ALTER TABLE {table} SET (toast_tuple_target = 512)" for table in TABLES]
ROWS_AS_BEFORE = [f"ALTER TABLE {table} RESET (toast_tuple_target)" for table in TABLES]
WORDS_BESIDE = [f"ALTER TABLE {table} ALTER COLUMN search SET STORAGE EXTERNAL" for table in TABLES]


def make_functions(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BEST_COLLATION)
        (collation,) = cursor.fetchone()
    quoted = schema_editor.quote_name(collation)
    schema_editor.execute(FUNCTIONS.replace("{collation}", f"pg_catalog.{quoted}"), params=None)


def drop_functions(apps, schema_editor):
    schema_editor.execute(NO_FUNCTIONS, params=None)


def words_of(a, b, c, d):
    return models.GeneratedField(
        expression=models.Func(a, b, c, d, function="sync_search", output_field=SearchVectorField()),
        output_field=SearchVectorField(),
        db_persist=True,
    )


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_indexes_for_lists")]

    operations = [
        migrations.RunPython(make_functions, drop_functions),
        migrations.AddField(
            "feature",
            "story_titles",
            models.TextField(
                blank=True,
                db_default="",
                editable=False,
                help_text="Titles of the user stories TestIO still has, a line each: kept by a trigger, for the search.",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL(SMALL_ROWS, ROWS_AS_BEFORE),
        migrations.AddField(
            "product",
            "search",
            words_of("name", "product_type", "description", models.Value("", output_field=models.TextField())),
        ),
        migrations.AddField("feature", "search", words_of("title", "story_titles", "description", "howtofind")),
        migrations.AddField("test", "search", words_of("title", "goal", "instructions", "out_of_scope")),
        migrations.AddField(
            "bug",
            "search",
            words_of(
                "title",
                "actual_result",
                models.Func("steps", function="sync_search_join", output_field=models.TextField()),
                "expected_result",
            ),
        ),
        migrations.RunSQL(WORDS_BESIDE, migrations.RunSQL.noop),
        migrations.AddIndex("product", GinIndex(fields=["search"], name="product_search")),
        migrations.AddIndex("feature", GinIndex(fields=["search"], name="feature_search")),
        migrations.AddIndex("test", GinIndex(fields=["search"], name="test_search")),
        migrations.AddIndex("bug", GinIndex(fields=["search"], name="bug_search")),
    ]
