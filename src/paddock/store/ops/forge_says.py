"""What a change's forge has against it, for the gate."""

import msgspec

from paddock.store.forging import Shown
from paddock.store.statements import Tx


def objections(tx: Tx, change: str) -> list[str]:
    """What the forge has against a change, in words."""
    row = tx.one("forge_says", change=change)
    if row is None:
        return []
    shown = msgspec.json.decode(row["shown"], type=Shown)
    said = [f"{by} asked for changes on the forge" for by in shown.against]
    return [*said, *(["its pull request was closed on the forge"] if shown.state == "closed" else [])]
