"""Runs inside a box before the job does: opens the box's one way out and hands it to the agent, then becomes the job.

Arguments: the descriptor of a socket to the agent, the port, then the job's argv. A socket belongs to the network it
was made in, so what listens here is reached from inside the box alone, and answered from outside.
"""

import os
import socket
import sys


def main(handle: int, port: int, argv: list[str]) -> None:
    """Hands the door out, waits until somebody answers at it, and becomes the job."""
    link = socket.socket(fileno=handle)
    door = socket.create_server(("127.0.0.1", port), backlog=128)
    socket.send_fds(link, [b"d"], [door.fileno()])
    if link.recv(1) != b"k":
        sys.exit("paddock: the way out of the box could not be opened")
    link.close()
    door.close()
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"paddock: {argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
