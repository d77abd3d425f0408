"""Migrations: `NNNN_pre_what.sql` runs before the new code serves, `NNNN_post_what.sql` once no old code runs."""

from importlib import resources

from paddock.core.errors import BadInput


class NewerSchema(BadInput):
    """The store was written by a newer release."""

    code = "newer_schema"
    hint = "run the release that wrote it, or a newer one"


def migrations() -> list[tuple[int, str, str]]:
    """Every migration as (number, name, SQL), oldest first."""
    files = resources.files("paddock.store").joinpath("schema").iterdir()
    return sorted((int(file.name[:4]), file.name, file.read_text()) for file in files if file.name.endswith(".sql"))
