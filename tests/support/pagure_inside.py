"""What runs inside Debian's root to serve a Pagure of its own: `pagure_inside.py FOLDER PORT`.

Everything it writes is in FOLDER: database, repositories, tokens. It prints one line of JSON when it serves. Debian's
packages are all it may import.
"""

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
CONFIG = f"{FOLDER}/pagure.cfg"
SOCKET = f"{FOLDER}/redis.sock"
PEOPLE = ("paddock", "anna", "mallory")

SETTINGS = {
    "DB_URL": f"sqlite:///{FOLDER}/pagure.sqlite",
    "SECRET_KEY": "of a test",
    "SALT_EMAIL": "of a test",
    "EMAIL_SEND": False,
    "APP_URL": f"http://127.0.0.1:{PORT}/",
    "GIT_URL_GIT": f"file://{FOLDER}/repositories/",
    "GIT_FOLDER": f"{FOLDER}/repositories",
    "REMOTE_GIT_FOLDER": f"{FOLDER}/remotes",
    "ATTACHMENTS_FOLDER": f"{FOLDER}/attachments",
    "ENABLE_DOCS": False,
    "ENABLE_TICKETS": True,
    "GIT_AUTH_BACKEND": "test_auth",
    "PAGURE_AUTH": "local",
    "REDIS_SOCKET": SOCKET,
    "REDIS_DB": 0,
    "BROKER_URL": f"redis+socket://{SOCKET}?virtual_host=0",
    "SESSION_COOKIE_SECURE": False,
    "WEBHOOK": True,
    # Nobody works at this queue: what is in it copies every comment into git and counts again what can be merged.
    "SLOW_CELERY_QUEUE": "slow",
    "MEDIUM_CELERY_QUEUE": "slow",
}


def write_settings() -> None:
    for name in ("repositories", "remotes", "attachments"):
        Path(FOLDER, name).mkdir(exist_ok=True)
    lines = [f"{name} = {value!r}\n" for name, value in SETTINGS.items()]
    with open(CONFIG, "w", encoding="utf-8") as file:
        file.writelines(lines)
    os.environ["PAGURE_CONFIG"] = CONFIG


def start(*argv: str) -> None:
    log = Path(FOLDER, f"{argv[0]}.log").open("wb")  # noqa: SIM115
    subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_for(path: str) -> None:
    deadline = time.monotonic() + 60
    while not Path(path).exists():
        if time.monotonic() > deadline:
            sys.exit(f"{path} did not come")
        time.sleep(0.02)


def fill() -> "dict[str, str]":
    """Makes people, a project and a token for each of them."""
    import pagure.lib.model
    import pagure.lib.query
    import pagure.lib.tasks
    from pagure.config import config

    pagure.lib.model.create_tables(config["DB_URL"], acls=config["ACLS"], debug=False)
    session = pagure.lib.model_base.create_session(config["DB_URL"])
    tokens = {}
    for name in PEOPLE:
        pagure.lib.query.set_up_user(session, username=name, fullname=name.title(), default_email=f"{name}@example.org")
        session.commit()
    for name in PEOPLE:
        until = datetime.date.today() + datetime.timedelta(days=300)
        acls = list(config["ACLS"])
        tokens[name] = pagure.lib.query.add_token_to_user(session, None, acls, name, until).id
    task = pagure.lib.query.new_project(
        session,
        name="shop",
        repospanner_region=None,
        user="paddock",
        blacklist=[],
        allowed_prefix=[],
        description="a shop",
        ignore_existing_repo=False,
        add_readme=False,
    )
    session.commit()
    task.get(timeout=60)
    session.close()
    return tokens


def main() -> None:
    write_settings()
    start("redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--dir", FOLDER)
    wait_for(SOCKET)
    start("celery", "-A", "pagure.lib.tasks", "worker", "--pool", "solo", "--without-gossip", "--without-mingle")
    tokens = fill()
    from pagure.flask_app import create_app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", PORT, create_app(), threaded=True)
    print(json.dumps(tokens), flush=True)
    # Nobody reads on; what Pagure still has to say goes to the log.
    os.dup2(2, 1)
    server.serve_forever()


main()
