"""What can go wrong with a vector store, each with what, where and what to do. No message holds a credential."""


class VectorError(Exception):
    """A call to a vector store failed.

    Attributes:
        what: What went wrong.
        where: Engine and address, or file, or collection.
        fix: What to do.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(": ".join(part for part in (where, what) if part) + (f". {fix}" if fix else ""))
        self.what = what
        self.where = where
        self.fix = fix


class InvalidRequestError(VectorError):
    """A name, vector, record, filter or cursor that no engine would take; nothing was sent."""


class UnsupportedError(VectorError):
    """The engine cannot do this at all, for example search by words in S3 Vectors."""


class CollectionMissingError(VectorError):
    """The collection is declared, and has not been made for this tenant."""


class CollectionMismatchError(VectorError):
    """The collection is there, differs from its declaration, and cannot be changed in place.

    Attributes:
        differences: What differs, as (aspect, found, declared).
    """

    def __init__(self, collection: str, differences: list[tuple[str, object, object]], *, where: str = "") -> None:
        told = "; ".join(f"{aspect} is {found}, declared {declared}" for aspect, found, declared in differences)
        super().__init__(
            f"collection {collection} cannot be changed in place: {told}",
            where=where,
            fix="Give the new shape a new collection, and drop the old one when nobody reads it",
        )
        self.differences = differences


class UnavailableError(VectorError):
    """The engine cannot be reached: closed port, unknown host, broken connection or wrong certificate."""


class DeadlineError(VectorError):
    """The engine did not answer within the deadline. A write may or may not have happened: write it again."""


class AccessDeniedError(VectorError):
    """The engine refused the credential, or what the credential may do."""


class StorageFullError(VectorError):
    """The engine has no room left; nothing of the write was kept."""


class OverloadedError(VectorError):
    """The engine asked for fewer requests; try again later."""


class EngineError(VectorError):
    """The engine answered with an error that fits no other class."""
