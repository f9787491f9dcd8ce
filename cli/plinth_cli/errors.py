"""The one error that the command line shows to a person."""


class PlinthError(Exception):
    """Something went wrong that a person can act on; printed without a traceback.

    Attributes:
        what: What happened, as one sentence.
        where: The file, resource, address or command that it happened at, if there is one.
        fix: What to do about it, as an instruction.
    """

    def __init__(self, what: str, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type["PlinthError"], tuple[str, str | None, str | None]]:
        """Survive pickling (process pools) with all three parts."""
        return type(self), (self.what, self.where, self.fix)
