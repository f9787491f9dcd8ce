"""What the emulator runs of Snowflake's SQL, and what is only parsed: pinned, so that nothing is skipped in silence."""

import asyncio

import pytest

from plinth_runtime.warehouse import cortex_sql
from plinth_runtime.warehouse.client import Warehouse
from plinth_runtime.warehouse.errors import RefusedStatementError
from plinth_runtime.warehouse.rehearse import rehearse
from plinth_runtime.warehouse.request import Context

CONTEXT = Context("platform", "rehearsal", "r")
RUN = """
CREATE TABLE customers (id INT, name TEXT, email TEXT)
INSERT INTO customers VALUES (1, 'a', 'a@example.com')
MERGE INTO customers t USING (SELECT 2 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)
CREATE VIEW customer_names AS SELECT id, name FROM customers
SELECT COUNT(*) FROM customers
"""
PARSED_ONLY = """
CREATE STREAM customer_changes ON TABLE customers
GRANT SELECT ON TABLE customers TO ROLE reader
CREATE WAREHOUSE apps WAREHOUSE_SIZE = 'XSMALL'
"""
WORDS_ONLY = """
CREATE TASK refresh WAREHOUSE = apps SCHEDULE = '5 MINUTE' AS INSERT INTO customers VALUES (3, 'c', 'c')
CREATE MASKING POLICY hide AS (v STRING) RETURNS STRING -> '***'
"""


def lines(text):
    return [line for line in text.splitlines() if line]


def report_of(running, statements):
    async def run():
        async with Warehouse(running.endpoint()) as warehouse:
            return await rehearse(warehouse, statements, CONTEXT)

    return asyncio.run(run())


def test_every_statement_is_accounted_for(running):
    cortex = [sql.replace("?", "'x'") for sql in cortex_sql.ALL]
    report = report_of(running, [*lines(RUN), *lines(PARSED_ONLY), *lines(WORDS_ONLY), *cortex])
    assert report.ran == lines(RUN)
    assert sorted([*report.parsed_only, *report.words_only]) == sorted(
        [*lines(PARSED_ONLY), *lines(WORDS_ONLY), *cortex]
    )
    assert set(cortex) <= set(report.parsed_only)


def test_what_is_not_sql_is_refused(running):
    with pytest.raises(RefusedStatementError, match="not SQL"):
        report_of(running, ["SELEC 1 FRM x WHERE ("])
