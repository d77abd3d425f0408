"""Whether what is stored can be: rows that no operation should have left behind."""

from paddock.store.statements import Tx


def findings(tx: Tx) -> dict[str, list[str]]:
    """What is wrong → the ids it is wrong with; empty when all is well."""
    found = {
        "a leased job without a holder, an end or an epoch": tx.all("leases_without_holder"),
        "a job that nobody leases and that still names a session": tx.all("sessions_without_lease"),
        "an attempt ahead of its job's epoch": tx.all("attempts_ahead"),
        "a blocked job that waits for nothing": tx.all("forgotten_jobs"),
        "an end that does not fit the state": tx.all("ends_without_state"),
        "a job of an unknown project": tx.all("jobs_without_project"),
        "a change of an unknown job": tx.all("changes_without_job"),
    }
    return {what: [str(row["id"]) for row in rows] for what, rows in found.items() if rows}
