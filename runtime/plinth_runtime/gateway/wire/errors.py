"""What can go wrong with a backend."""


class UpstreamError(Exception):
    """A backend failed. `reason` is a word for metrics, `detail` words for a person.

    `unsent` is true when the backend cannot have begun to work on the request.
    """

    def __init__(self, reason: str, detail: str, *, unsent: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.unsent = unsent
