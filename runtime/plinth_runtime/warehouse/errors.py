"""What can go wrong with a warehouse. Messages say what, where and what to do; they never have values or secrets."""


class WarehouseError(Exception):
    """The warehouse could not do what it was asked."""


class WrongCredentialError(WarehouseError):
    """None of the private keys signs in, or a key cannot be read. Asking again does not help until that changes."""


class UnreachableError(WarehouseError):
    """The server cannot be reached, or its answer cannot be understood.

    Attributes:
        sent: Whether the statement may have reached the server, so that a write may have happened.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class DeadlineError(WarehouseError):
    """The deadline has passed. The server was told to stop; a write may or may not have happened."""


class QueryFailedError(WarehouseError):
    """The server refused the statement, or failed while it ran.

    Attributes:
        code: Snowflake's error number, for example 2003 (the object does not exist or is not authorized).
        sql_state: The SQL state, for example `42S02`.
        query_id: Snowflake's id of the query, where it got one.
    """

    def __init__(self, message: str, *, code: int, sql_state: str | None = None, query_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.sql_state = sql_state
        self.query_id = query_id


class RefusedStatementError(WarehouseError):
    """The statement is not sent, because it is not what the caller is allowed to send."""


class TooLargeError(WarehouseError):
    """A result is larger than the caller's limit; nothing more of it is read."""


class CortexError(WarehouseError):
    """Cortex refused a request or broke off its answer.

    Attributes:
        status: HTTP status, or that of an event inside the stream; 0 where there is none.
        code: Snowflake's code, where there is one.
        request_id: Snowflake's id of the request, where there is one.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class IngestError(WarehouseError):
    """Rows could not be made durable. What was acknowledged before is; what was not comes again after a restart."""
