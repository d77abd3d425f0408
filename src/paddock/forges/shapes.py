"""Answers of a forge as values: what does not have the documented shape is an error of the forge, not ours."""

from typing import Any, TypeVar

import msgspec

from paddock.forges.errors import ForgeError

T = TypeVar("T")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer; fields that are not named here are let go."""


class Login(Shape, frozen=True, kw_only=True):
    """A person as GitHub, Forgejo and Gitea name them."""

    login: str


class Username(Shape, frozen=True, kw_only=True):
    """A person as GitLab names them."""

    username: str


class Name(Shape, frozen=True, kw_only=True):
    """A person as Pagure names them."""

    name: str


def shaped(answer: Any, kind: type[T]) -> T:
    """The answer as this type. Raises: ForgeError naming the place."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise ForgeError(f"the forge's answer has another shape: {error}", hint="is this its API?") from None
