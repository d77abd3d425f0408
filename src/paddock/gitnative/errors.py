"""What can go wrong between an agent and a remote that is all there is."""

from paddock.core.errors import BadInput


class TaskInvalid(BadInput):
    """The task file cannot be used."""

    code = "task_invalid"

    def __init__(self, words: str = "", *, path: str = "", line: int = 0, hint: str = "") -> None:
        where = f"{path}:{line}" if path else ""
        super().__init__(f"{where}: {words}" if where else words, hint=hint, where=where)
        self.words = words
        self.path = path
        self.line = line
