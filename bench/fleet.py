"""Our whole fleet on a stage: web, workers and beat as an operator starts them, and a client that is logged in."""

from dataclasses import dataclass
from typing import Any

import requests

from bench.processes import Processes, until
from bench.stage import Stage
from config.local.ports import any_free

PASSWORD = "measured-and-gone-in-a-minute"


@dataclass(frozen=True)
class Client:
    """The public API."""

    root: str
    session: requests.Session

    def get(self, path: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.root}/api/v1/{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.session.post(f"{self.root}/api/v1/{path}", json=body, timeout=300)
        if not answer.ok:
            raise SystemExit(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def begin(stage: Stage, processes: Processes, *, children: int) -> Client:
    """Start everything and log in. `children`: the pool children of the one worker."""
    env = stage.ours()
    processes.run("migrate", "django", "migrate", "--verbosity", "0", env=env)
    admin = {**env, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    who = ["--noinput", "--username", "bench", "--email", "bench@localhost"]
    processes.run("admin", "django", "createsuperuser", *who, env=admin)
    port = any_free()
    web = ["config.wsgi", "--worker-class", "gthread", "--threads", "4", "--timeout", "300", "--no-control-socket"]
    processes.start("web", "gunicorn", *web, "--bind", f"127.0.0.1:{port}", env=env)
    processes.start("beat", "celery", "-A", "config", "beat", "-s", str(stage.folder / "beat"), "--pidfile=", env=env)
    worker = ["worker", "-Q", "default", "-n", "bench@here", "-c", str(children)]
    processes.start("worker", "celery", "-A", "config", *worker, env=env)
    root = f"http://127.0.0.1:{port}"
    until(lambda: _answers(root), seconds=60, what="the web process answers")
    session = requests.Session()
    client = Client(root, session)
    access = client.post("auth/token/", {"username": "bench", "password": PASSWORD})["access"]
    session.headers["Authorization"] = f"Bearer {access}"
    until(lambda: client.get("workers/")["results"], seconds=120, what="the worker is enlisted")
    return client


def _answers(root: str) -> bool:
    try:
        return requests.get(f"{root}/health/live", timeout=2).ok
    except requests.RequestException:
        return False
