"""What may start: limits on live leases and on starts, and each project's share. Times are epoch milliseconds."""

# The end of a pause without an end.
NEVER = 253_402_300_799_999
# The largest share of a project.
MOST_WEIGHT = 1_000
