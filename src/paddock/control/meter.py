"""What this process has done since it began, as counts; `web.metrics_api` shows them."""

from bisect import bisect_left

# Upper ends of the histogram of beats, in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Meter:
    """Written by whoever does the work; a count costs less than a microsecond."""

    def __init__(self) -> None:
        # Beats by how they ended: `answered`, `refused` or `shed`.
        self.beats = {"answered": 0, "refused": 0, "shed": 0}
        # Answered beats by the bound that they stayed within; the last is for those beyond all.
        self.within = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        # Events that were published: `stored`, or `known` already; and how many follow a topic now.
        self.published = {"stored": 0, "known": 0}
        self.following = 0

    def answered(self, seconds: float) -> None:
        """A beat was answered after so long."""
        self.beats["answered"] += 1
        self.within[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def refused(self, *, shed: bool) -> None:
        """A beat was refused, or sent away to come again."""
        self.beats["shed" if shed else "refused"] += 1
