"""What a statement does, decided by a parser and not by its first word: who may send it, who may repeat it."""

import hashlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from plinth_runtime.warehouse.errors import RefusedStatementError

# It quotes statements that it does not know, and they may have values of a person in them.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

Kind = Literal["read", "write", "other"]

MAX_SQL_CHARACTERS = 1_000_000
"""Snowflake takes statements of up to 1 MB. Source: Snowflake documentation, "Query size limits"."""

_READS = (exp.Select, exp.SetOperation, exp.Show, exp.Describe)
_READ_COMMANDS = frozenset({"SHOW", "DESCRIBE", "DESC", "EXPLAIN"})
_WRITES = (exp.Insert, exp.MultitableInserts, exp.Update, exp.Delete, exp.Merge, exp.Copy, exp.TruncateTable)
_CHANGES = (*_WRITES, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Set, exp.Use, exp.Grant, exp.Into, exp.Lock)
_SESSION = (exp.Set, exp.Use, exp.Transaction, exp.Commit, exp.Rollback)
_SESSION_COMMANDS = frozenset({"SET", "UNSET", "USE", "BEGIN", "START", "COMMIT", "ROLLBACK"})
_FILE_COMMANDS = frozenset({"PUT", "GET"})

# Functions that sqlglot does not know by a type of their own and that only compute. Everything else that is unknown is
# refused: it may be a user's own function or one that acts (SYSTEM$..., external functions, Cortex, which costs money).
_PURE_NAMES = """
ARRAY_CAT ARRAY_DISTINCT ARRAY_EXCEPT ARRAY_FLATTEN ARRAY_MAX ARRAY_MIN ARRAY_POSITION ARRAY_PREPEND
ARRAY_SLICE AS_ARRAY AS_BOOLEAN AS_DATE AS_DOUBLE AS_INTEGER AS_NUMBER AS_OBJECT AS_VARCHAR BITAND BITOR
BITXOR BITNOT CHECK_JSON COLLATE CONDITIONAL_CHANGE_EVENT CONDITIONAL_TRUE_EVENT DIV0 DIV0NULL EQUAL_NULL HASH
HASH_AGG HAVERSINE HLL IFF IS_ARRAY IS_BOOLEAN IS_DATE IS_DOUBLE IS_INTEGER IS_NULL_VALUE IS_OBJECT IS_VARCHAR
JAROWINKLER_SIMILARITY LAST_DAY MD5_HEX MONTHNAME NULLIFZERO OBJECT_DELETE OBJECT_INSERT OBJECT_KEYS
OBJECT_PICK PARSE_URL PREVIOUS_DAY RATIO_TO_REPORT REGR_SLOPE SHA2_HEX SPLIT_PART SQUARE STRIP_NULL_VALUE
STRTOK STRTOK_TO_ARRAY TIME_SLICE TO_DOUBLE TO_GEOGRAPHY TO_VARIANT TRUNC TRY_TO_BOOLEAN TRY_TO_DATE
TRY_TO_DECIMAL TRY_TO_DOUBLE TRY_TO_NUMBER TRY_TO_NUMERIC TRY_TO_TIME TRY_TO_TIMESTAMP TYPEOF WIDTH_BUCKET
ZEROIFNULL VECTOR_COSINE_SIMILARITY VECTOR_INNER_PRODUCT VECTOR_L1_DISTANCE VECTOR_L2_DISTANCE
"""
_PURE = frozenset(_PURE_NAMES.split())

# Only computing, but another answer each time.
_CHANGING_NAMES = """
RANDOM RANDSTR UUID_STRING UNIFORM NORMAL ZIPF SYSDATE SEQ1 SEQ2 SEQ4 SEQ8 CURRENT_WAREHOUSE CURRENT_ROLE
CURRENT_AVAILABLE_ROLES CURRENT_SECONDARY_ROLES CURRENT_ACCOUNT CURRENT_REGION CURRENT_VERSION
CURRENT_IP_ADDRESS CURRENT_DATABASE CURRENT_SCHEMAS LOCALTIME LOCALTIMESTAMP GENERATOR ENCRYPT
"""
_CHANGING = frozenset(_CHANGING_NAMES.split())
_CHANGING_TYPES = (
    exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentUser, exp.CurrentSchema, exp.CurrentDatetime,
    exp.Rand, exp.Uuid, exp.TableSample,
)  # fmt: skip

_ACTING = frozenset({"RESULT_SCAN", "LAST_QUERY_ID", "LAST_TRANSACTION", "CURRENT_SESSION", "CURRENT_TRANSACTION"})
"""Lets one query see another one of the same connection, which may be another tenant's."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of a statement."""

    kind: Kind
    """`read` gives rows and changes nothing, `write` changes rows, `other` is everything else."""

    why_not_read_only: str | None
    """Why it is not for callers that may only read."""

    deterministic: bool
    """Whether the same statement gives the same rows as long as the tables are the same."""

    merge: bool
    """Whether it is a MERGE, which can be repeated where its key is one."""

    never: str | None
    """Why nobody may send it through a shared connection."""

    fingerprint: str
    """The same for statements that differ in spaces, comments and the case of keywords only."""


def read(sql: str) -> Statement:
    """Read a statement, in Snowflake's dialect.

    Raises:
        RefusedStatementError: it cannot be parsed, is empty, or is more than one statement.
    """
    if len(sql) > MAX_SQL_CHARACTERS:
        raise RefusedStatementError(f"the statement has {len(sql)} characters, Snowflake takes {MAX_SQL_CHARACTERS}")
    return _read(sql)


@lru_cache(maxsize=512)
def _read(sql: str) -> Statement:
    tree = _parse(sql)
    kind: Kind = "other"
    unparsed_read = isinstance(tree, exp.Command) and _word(tree) in _READ_COMMANDS and "->>" not in sql
    if unparsed_read or (isinstance(tree, _READS) and not any(tree.find_all(*_CHANGES))):
        kind = "read"
    elif isinstance(tree, _WRITES):
        kind = "write"
    why_not = _why_not_read_only(tree, kind)
    text = tree.sql(dialect="snowflake", comments=False, normalize_functions="upper")
    return Statement(
        kind=kind,
        why_not_read_only=why_not,
        deterministic=why_not is None and isinstance(tree, exp.Query) and not _changes_each_time(tree),
        merge=isinstance(tree, exp.Merge),
        never=_never(tree),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )


def is_known(sql: str) -> bool:
    """Whether the parser knows the statement's whole structure, and not only its first word.

    Raises:
        RefusedStatementError: it cannot be parsed at all, or is not one statement.
    """
    return not any(_parse(sql).find_all(exp.Command))


def check_read_only(statement: Statement) -> None:
    """Let only statements through that read, compute and nothing else.

    Raises:
        RefusedStatementError: it does something else; says what.
    """
    if statement.why_not_read_only:
        raise RefusedStatementError(
            f"{statement.why_not_read_only}; read-only callers may send one SELECT, SHOW or DESCRIBE of functions that "
            "only compute"
        )


def _parse(sql: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="snowflake") if tree is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        # The parser quotes the statement, and that may have values of a person in it.
        place = getattr(error, "errors", None)
        where = f" in line {place[0]['line']}, column {place[0]['col']}" if place else ""
        raise RefusedStatementError(f"the statement is not SQL that Snowflake's grammar knows{where}") from None
    trees = [tree for tree in trees if not isinstance(tree, exp.Semicolon)]
    if len(trees) != 1:
        raise RefusedStatementError(f"one statement is sent at a time, and this is {len(trees)}")
    # (SELECT 1) is SELECT 1.
    return trees[0].unnest() if isinstance(trees[0], exp.Subquery) else trees[0]


def _why_not_read_only(tree: exp.Expr, kind: Kind) -> str | None:
    if kind != "read":
        found = next(iter(tree.find_all(*_CHANGES)), tree)
        return f"the statement has {_word(found)}"
    for node in tree.walk():
        if isinstance(node, exp.Var) and node.name.startswith("@"):
            return "the statement reads files of a stage"
        if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
            return f"{node.expression.name or node.expression.key.upper()} is a user's function or acts"
        if isinstance(node, exp.Column) and node.name.upper() == "NEXTVAL":
            return "NEXTVAL takes a number from a sequence"
        if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.ParameterizedAgg):
            name = node.name.upper()
            if name not in _PURE and name not in _CHANGING:
                return f"{name} is a user's function or acts, or is not known here"
        if isinstance(node, exp.Func) and node.key.upper().startswith(("AI_", "AI")) and node.key != "anyvalue":
            return f"{node.key.upper()} costs money for each row"
        if _function(node) in _ACTING:
            return f"{_function(node)} sees other queries of the same connection"
    return None


def _changes_each_time(tree: exp.Expr) -> bool:
    return any(isinstance(node, _CHANGING_TYPES) or _function(node) in _CHANGING for node in tree.walk())


def _never(tree: exp.Expr) -> str | None:
    word = _word(tree)
    if word in _FILE_COMMANDS:
        return f"{word} moves files of this machine"
    alters = isinstance(tree, exp.Alter) and str(tree.args.get("kind")).upper() == "SESSION"
    if alters or isinstance(tree, _SESSION) or word in _SESSION_COMMANDS:
        return f"{word} changes the connection, which the next caller gets as it is left"
    return None


def _function(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return node.sql_name().upper() if isinstance(node, exp.Func) else ""


def _word(node: exp.Expr) -> str:
    # What the grammar does not know as a statement it takes for a column with another name: UNSET x.
    named = isinstance(node, exp.Command | exp.Alias | exp.Column)
    return str(node.this).split(maxsplit=1)[0].upper() if named else node.key.upper()
