"""What the parser says of statements: who may send them, who may repeat them, and whose results may be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.warehouse.errors import RefusedStatementError
from plinth_runtime.warehouse.statements import MAX_SQL_CHARACTERS, check_read_only, read

READS = """
SELECT 1
(SELECT 1)
SELECT 1;
WITH x AS (SELECT 1 AS a) SELECT * FROM x UNION ALL SELECT 2
SELECT SUM(x) OVER (PARTITION BY y ORDER BY z) FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY 1) = 1
SELECT v:a.b::string, TRY_PARSE_JSON(x), IFF(a, b, c), ARRAY_AGG(x) WITHIN GROUP (ORDER BY y) FROM t
SELECT * FROM t, LATERAL FLATTEN(input => t.v) f
SELECT * FROM t AT(OFFSET => -60)
SELECT VECTOR_COSINE_SIMILARITY(a, b) FROM t
SELECT CURRENT_TIMESTAMP(), UNIFORM(1, 2, RANDOM())
SHOW TABLES
SHOW GRANTS TO ROLE x
DESCRIBE TABLE t
EXPLAIN SELECT 1
"""
NOT_READS = """
INSERT INTO t VALUES (1)
MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1
DELETE FROM t
TRUNCATE TABLE t
CREATE TABLE t AS SELECT 1
DROP TABLE t
UNDROP TABLE t
GRANT SELECT ON t TO ROLE r
COPY INTO @s FROM (SELECT 1)
CALL p()
EXECUTE IMMEDIATE 'DROP TABLE t'
EXECUTE TASK t
REMOVE @s
SELECT * FROM t FOR UPDATE
SELECT $1 FROM @stage/file.csv
SELECT SYSTEM$CANCEL_QUERY('x')
SELECT SYSTEM$WAIT(5)
SELECT GET_PRESIGNED_URL('x', 'y')
SELECT my_function(1)
SELECT db.sch.my_function(1)
SELECT * FROM TABLE(db.sch.my_table_function(1))
SELECT * FROM t WHERE a IN (SELECT my.fn(2))
SELECT SNOWFLAKE.CORTEX.COMPLETE('m', 'p')
SELECT AI_COMPLETE('m', 'p')
SELECT AI_CLASSIFY('m', ['a'])
SELECT seq.NEXTVAL
SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))
SHOW GRANTS TO ROLE x ->> INSERT INTO t SELECT * FROM $1
SHOW TABLES ->> SELECT * FROM $1
"""


def lines(text):
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("sql", lines(READS))
def test_what_only_reads_is_let_through(sql):
    check_read_only(read(sql))


@pytest.mark.parametrize("sql", lines(NOT_READS))
def test_what_does_anything_else_is_not(sql):
    with pytest.raises(RefusedStatementError):
        check_read_only(read(sql))


@pytest.mark.parametrize("first", lines(READS))
@pytest.mark.parametrize("second", ["DROP TABLE t", "SELECT 2", "CALL p()"])
def test_nothing_rides_behind_a_read(first, second):
    with pytest.raises(RefusedStatementError):
        read(f"{first.rstrip(';')}; {second}")


@given(st.sampled_from(lines(READS)), st.sampled_from(lines(NOT_READS)), st.sampled_from([";", "\n;\n", ";/* x */"]))
def test_no_way_of_joining_gets_a_write_through(good, bad, joint):
    with pytest.raises(RefusedStatementError):
        check_read_only(read(good.rstrip(";") + joint + bad))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_quoted(text):
    try:
        statement = read(text)
    except RefusedStatementError as error:
        assert len(text) < 20 or text not in str(error)
    else:
        assert statement.kind in ("read", "write", "other")


@pytest.mark.parametrize(
    "sql", ["USE ROLE x", "ALTER SESSION SET QUERY_TAG = 'x'", "SET x = 1", "UNSET x", "BEGIN", "COMMIT", "ROLLBACK"]
)
def test_what_changes_a_shared_connection_is_for_nobody(sql):
    assert "changes the connection" in str(read(sql).never)


@pytest.mark.parametrize("sql", ["PUT file:///etc/passwd @s", "GET @s file:///tmp"])
def test_files_of_this_machine_are_for_nobody(sql):
    assert "moves files" in str(read(sql).never)


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("SELECT a FROM t WHERE b = ?", True),
        ("SELECT CURRENT_TIMESTAMP", False),
        ("SELECT CURRENT_DATE()", False),
        ("SELECT a, RANDOM() FROM t", False),
        ("SELECT UUID_STRING()", False),
        ("SELECT CURRENT_ROLE()", False),
        ("SELECT * FROM t SAMPLE (10)", False),
        ("SHOW TABLES", False),
        ("INSERT INTO t SELECT 1", False),
        ("SELECT my_function(1)", False),
    ],
)
def test_only_results_that_stay_the_same_are_kept(sql, kept):
    assert read(sql).deterministic is kept


def test_the_same_statement_in_other_clothes_has_the_same_fingerprint():
    plain = read("SELECT a, count(*) FROM t WHERE b = ? GROUP BY a").fingerprint
    assert read("select a,COUNT( * )\n  from t -- why\n where b=? group by a").fingerprint == plain
    assert read("SELECT a, count(*) FROM t WHERE c = ? GROUP BY a").fingerprint != plain
    assert read("SELECT 'A'").fingerprint != read("SELECT 'a'").fingerprint


def test_a_statement_that_snowflake_would_not_take_is_not_sent():
    with pytest.raises(RefusedStatementError, match="Snowflake takes 1000000"):
        read("SELECT '" + "x" * MAX_SQL_CHARACTERS + "'")
