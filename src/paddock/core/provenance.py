"""The signature under a merge: the agent that merged vouches for the trailers, bound to the commit that it merged."""

_TRAILER = "Paddock-Signature: "
_PURPOSE = "paddock-merge-v1"


def claim(head: str, message: str) -> bytes:
    """What is signed: the commit that was merged, and the message without the signature."""
    return f"{_PURPOSE}\n{head}\n{message.strip()}\n".encode()


def signed(message: str, signature: str) -> str:
    """The message with the signature as its last trailer; as it is where there is none."""
    return f"{message.strip()}\n{_TRAILER}{signature}\n" if signature else message


def parted(message: str) -> tuple[str, str, str]:
    """A merge's message as (message, key id, signature in base64); both empty where it is not signed."""
    text, _, last = message.strip().rpartition("\n")
    keyid, _, signature = last.removeprefix(_TRAILER).partition(" ")
    if not last.startswith(_TRAILER) or not keyid or not signature or " " in signature:
        return message, "", ""
    return text, keyid, signature
