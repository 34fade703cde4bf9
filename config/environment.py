"""The environment, read once and typed. Every variable the product knows stands here with its default."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tasks_app import __version__
from tasks_app.domain.policy import FleetPolicy


def _words(value: Any) -> Any:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class Environment(BaseSettings):
    """What operators set. Seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    database_url: str = "postgresql://postgres@127.0.0.1:5432/taskfleet"
    broker_url: str = "redis://127.0.0.1:6379/0"
    secret_key: str = ""
    debug: bool = Field(False, validation_alias="DJANGO_DEBUG")
    allowed_hosts: Words = ("*",)
    csrf_trusted_origins: Words = ()
    log_level: str = "INFO"

    task_data_dir: Path = Path("var")
    task_embedded: bool = False
    task_flower_url: str = ""
    task_public_url: str = ""
    task_code_version: str = ""
    task_secrets_dir: str | None = None
    task_shared_secrets: Words = ()  # secrets that people who are not staff may name in a config
    task_pools: Words = ("default", "scan", "monitor", "script")
    task_apps: Words = ()  # Django apps of the operator's own: their Celery tasks run on this fleet
    task_executors: Words = ()
    task_custom_modules: Words = ()
    task_script_allowed_commands: Words | None = None
    task_http_allow_nets: Words | None = None
    task_http_allow_ports: Words | None = None

    task_lease_seconds: float = 30
    task_sweep_seconds: float = 5
    task_dispatch_seconds: float = 0.5
    task_unclaimed_seconds: float = 5
    task_default_timeout: int = 300_000  # milliseconds, as the TradeHax specification names it
    task_max_retries: int = 3
    task_misfire_seconds: float = 60
    task_grace_seconds: float = 120
    task_dependency_timeout_seconds: float = 86_400
    task_minimum_interval_seconds: float = 1
    task_soft_shutdown_seconds: float = 10
    # Off behind a PgBouncer in transaction mode that is older than 1.21 or does not keep prepared statements.
    task_prepared_statements: bool = True
    task_retention_days: float = 30  # final executions older than this are deleted; 0 keeps them for ever
    task_waiting_limit_owner: int = 200_000
    task_waiting_limit_total: int = 1_000_000
    task_global_concurrency: int | None = None
    task_pool_concurrency: dict[str, int] = {}
    task_type_concurrency: dict[str, int] = {}

    resend_api_key: str = ""
    email_from: str = "taskfleet@localhost"

    def policy(self) -> FleetPolicy:
        """The engine's share of the environment."""
        return FleetPolicy(
            lease=timedelta(seconds=self.task_lease_seconds),
            sweep_every=timedelta(seconds=self.task_sweep_seconds),
            dispatch_every=timedelta(seconds=self.task_dispatch_seconds),
            unclaimed_after=timedelta(seconds=self.task_unclaimed_seconds),
            default_timeout=timedelta(milliseconds=self.task_default_timeout),
            max_retries=self.task_max_retries,
            misfire_window=timedelta(seconds=self.task_misfire_seconds),
            grace=timedelta(seconds=self.task_grace_seconds),
            dependency_timeout=timedelta(seconds=self.task_dependency_timeout_seconds),
            minimum_interval=timedelta(seconds=self.task_minimum_interval_seconds),
            soft_shutdown=timedelta(seconds=self.task_soft_shutdown_seconds),
            prepared_statements=self.task_prepared_statements,
            pools=self.task_pools,
            retention=timedelta(days=self.task_retention_days) if self.task_retention_days else None,
            waiting_limit_owner=self.task_waiting_limit_owner,
            waiting_limit_total=self.task_waiting_limit_total,
            global_concurrency=self.task_global_concurrency,
            pool_concurrency=self.task_pool_concurrency,
            type_concurrency=self.task_type_concurrency,
            executor_paths=self.task_executors,
            executor_settings=self.executor_settings(),
            secrets_dir=self.task_secrets_dir,
            shared_secrets=self.task_shared_secrets,
            code_version=self.task_code_version or __version__,
            flower_url=self.task_flower_url,
            public_url=self.task_public_url,
        )

    def executor_settings(self) -> dict[str, Any]:
        """The operator's limits handed to every executor: open on one machine, closed in production."""
        commands, nets = self.task_script_allowed_commands, self.task_http_allow_nets
        open_here = self.task_embedded
        return {
            "script_allowed_commands": commands if commands is not None else (None if open_here else ()),
            "http_allow_nets": nets if nets is not None else (("127.0.0.0/8", "::1/128") if open_here else ()),
            "http_allow_ports": [int(p) for p in self.task_http_allow_ports]
            if self.task_http_allow_ports is not None
            else (None if open_here else [80, 443, 8080, 8443]),
            "custom_modules": self.task_custom_modules,
        }
