"""The one error type of the core, with the object that offends."""

from uuid import UUID


class CoreError(Exception):
    """A request that the rules of the service refuse; the message may be shown to the client."""


class ItemNotFoundError(CoreError):
    """No item has this id (any more)."""

    def __init__(self, item_id: UUID) -> None:
        super().__init__(f"There is no item {item_id}.")
        self.item_id = item_id


class ItemNameTakenError(CoreError):
    """Another item has this name already; names are unique."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Another item is named {name!r} already.")
        self.name = name


class VersionConflictError(CoreError):
    """The item has changed since the client read it."""

    def __init__(self, item_id: UUID) -> None:
        super().__init__(f"Item {item_id} has changed since it was read: read it again, then repeat the change.")
        self.item_id = item_id


class CalculationError(CoreError):
    """The operation has no result that decimal128 can hold."""


class RateLimitedError(CoreError):
    """The client has used its quota; `retry_after` says in how many whole seconds it is renewed."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests: try again in {retry_after} s.")
        self.retry_after = retry_after


class StorageUnavailableError(CoreError):
    """The items cannot be reached for the moment."""

    def __init__(self) -> None:
        super().__init__("The items cannot be reached for the moment: try again later.")
