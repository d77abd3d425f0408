"""Versions such as 1.4.0 or 1.5.0rc1."""

import re

_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,9})*)(.*)")


def newer(one: str, other: str) -> bool:
    """Whether a version is newer than another; what cannot be compared is not. A release comes after its candidates."""
    left, right = _FORM.fullmatch(one), _FORM.fullmatch(other)
    if left is None or right is None:
        return False
    numbers = [tuple(int(part) for part in found.group(1).split(".")) for found in (left, right)]
    if numbers[0] != numbers[1]:
        return numbers[0] > numbers[1]
    return bool(right.group(2)) and (not left.group(2) or left.group(2) > right.group(2))
