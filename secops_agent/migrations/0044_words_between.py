from django.db import migrations

# By the key, PostgreSQL would read the words of every alert of the span: it does not know what that costs.
CREATE = """
CREATE OR REPLACE FUNCTION secops_agent_words_between(asked tsquery, above bigint, upto bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 5000 SET enable_indexscan = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS 'SELECT alert_id FROM secops_agent_alertwords WHERE words @@ asked AND alert_id > above AND alert_id <= upto'
"""


def create(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(CREATE)


def drop(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION IF EXISTS secops_agent_words_between(tsquery, bigint, bigint)")


class Migration(migrations.Migration):

    dependencies = [
        ('secops_agent', '0043_calls_and_sources'),
    ]

    operations = [migrations.RunPython(create, drop, elidable=False)]
