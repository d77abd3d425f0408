"""Forges: where a project's repository lives and how a change gets there. `local` is a plain git remote."""
