"""What a storm needs of the machine, found out before anything is started."""

import os
import secrets
import shutil

from chaos.network import Network
from chaos.words import Trouble

# Program → Debian's package that brings it.
_PROGRAMS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "git": "git",
    "bwrap": "bubblewrap",
}


def check(again: str) -> None:
    """Tries what is needed; `again` is what the user typed.

    Raises: Trouble that says what is missing and what to type.
    """
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({_PROGRAMS[name] for name in missing}))
        raise Trouble(f"missing: {', '.join(missing)}; type: apt-get install -y {packages}")
    if os.geteuid() != 0:
        raise Trouble(f"replicas get network namespaces of their own, which takes root; type: sudo {again}")
    try:
        with Network(secrets.token_hex(3), 1) as network:
            network.socket(0).close()
            network.cut_store(0)
            network.join_store(0)
    except (Trouble, OSError) as error:
        raise Trouble(
            f"no network namespaces joined by a bridge can be made here: {error}; it takes CAP_SYS_ADMIN and "
            f"CAP_NET_ADMIN: outside a container type: sudo {again}; for a container: docker run --privileged"
        ) from None
