"""Paddock beside the queues that others pick: the same work, the same machine, one run. `./dev bench peers`."""
