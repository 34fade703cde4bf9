"""The operator's numbers: every engine setting with its default, as one frozen value.

Built from the environment by `config/environment.py`, read by the engine as `settings.TASKFLEET`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class FleetPolicy:
    """How this fleet behaves. Times are timedeltas."""

    lease: timedelta = timedelta(seconds=30)
    sweep_every: timedelta = timedelta(seconds=5)
    dispatch_every: timedelta = timedelta(seconds=0.5)
    unclaimed_after: timedelta = timedelta(seconds=5)
    resend_at_most: timedelta = timedelta(minutes=5)
    default_timeout: timedelta = timedelta(minutes=5)
    max_retries: int = 3
    max_handed_back: int = 10
    misfire_window: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=120)
    dependency_timeout: timedelta = timedelta(hours=24)
    minimum_interval: timedelta = timedelta(seconds=1)
    soft_shutdown: timedelta = timedelta(seconds=10)
    lane_budget: timedelta = timedelta(seconds=1)
    prepared_statements: bool = True
    pools: tuple[str, ...] = ("default", "scan", "monitor", "script")
    waiting_limit_owner: int = 200_000
    waiting_limit_total: int = 1_000_000
    global_concurrency: int | None = None
    pool_concurrency: Mapping[str, int] = field(default_factory=dict)
    type_concurrency: Mapping[str, int] = field(default_factory=dict)
    result_bytes: int = 256 * 1024
    log_lines: int = 5_000
    retention: timedelta | None = timedelta(days=30)
    idempotency_for: timedelta = timedelta(hours=24)
    executor_paths: tuple[str, ...] = ()
    executor_settings: Mapping[str, Any] = field(default_factory=dict)
    secrets_dir: str | None = None
    shared_secrets: tuple[str, ...] = ()
    code_version: str = ""
    flower_url: str = ""
    public_url: str = ""
