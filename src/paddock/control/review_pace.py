"""Dispatch that slows while changes wait for longer than their project allows: merging decides how much is begun."""

from paddock.control.plane import Control

# Milliseconds between two looks.
EVERY_MS = 15_000


async def keep(control: Control, now: int) -> None:
    """Looks now and then whether some project is to slow down, or has caught up."""
    if now < control.paced_at:
        return
    control.paced_at = now + EVERY_MS
    if await control.store.keep_pace(now):
        control.stir()
