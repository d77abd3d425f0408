"""What can go wrong around a box."""

from paddock.core.errors import PaddockError


class SandboxError(PaddockError):
    """The box could not be built."""

    code = "sandbox"


class NotContained(SandboxError):
    """This host cannot contain a job."""

    code = "not_contained"
    hint = "run `paddock doctor` on the host; it names what is missing"
