"""One pull request for one head branch, whoever asks how often."""

from collections.abc import Awaitable, Callable

from paddock.forges.base import Draft, Request
from paddock.forges.errors import ForgeRefused


async def open_or_find(
    draft: Draft, find: Callable[[str], Awaitable[Request | None]], make: Callable[[Draft], Awaitable[Request]]
) -> Request:
    """The open request of the draft's branch, made where there is none. Raises: what `find` and `make` raise."""
    found = await find(draft.branch)
    if found is not None:
        return found
    try:
        return await make(draft)
    except ForgeRefused:  # another was quicker, or it cannot be
        found = await find(draft.branch)
        if found is None:
            raise
        return found
