"""The supervisor process of the one-machine fleet: started and stopped here, by `up` only."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Self

from config.local import supervisor_config
from config.local.control import Control, choose_socket, remove_socket
from config.local.folder import DataFolder, read_json
from config.local.spawn import spawn
from config.local.supervisor_config import Plan

MAIN = "import sys; from supervisor.supervisord import main; sys.exit(main())"


class Supervisor:
    """supervisord keeps the programs running; it dies with `up`, and they die with it."""

    def __init__(
        self,
        folder: DataFolder,
        *,
        env: Mapping[str, str],
        soft_shutdown_seconds: float,
        plans: list[Plan] | None = None,
        keep_fds: tuple[int, ...] = (),
    ) -> None:
        self.folder = folder
        self.env = env
        self.soft_shutdown_seconds = soft_shutdown_seconds
        self.plans = supervisor_config.plan(read_json(folder.scale)) if plans is None else plans
        self.keep_fds = keep_fds
        self.control = Control(folder)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = self.folder.run / "supervisord.conf"
        text = supervisor_config.render(
            folder=self.folder,
            socket=choose_socket(self.folder),
            plans=self.plans,
            soft_shutdown_seconds=self.soft_shutdown_seconds,
        )
        config.write_text(text)
        self.process = spawn(
            [sys.executable, "-c", MAIN, "-c", str(config)],
            log=self.folder.logs / "supervisor.out",
            death_signal=signal.SIGTERM,
            env=self.env,
            keep_fds=self.keep_fds,
        )
        return self

    def __exit__(self, *error: object) -> None:
        """SIGTERM makes it stop the groups one after the other, and then itself."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self._longest_stop_seconds())
            except subprocess.TimeoutExpired:
                self.process.kill()  # the programs get SIGTERM from the kernel
                self.process.wait()
        remove_socket(self.folder)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _longest_stop_seconds(self) -> float:
        groups = {item.group for item in self.plans}
        seconds = self.soft_shutdown_seconds
        return 10 + sum(supervisor_config.stop_seconds(group, soft_shutdown_seconds=seconds) for group in groups)
