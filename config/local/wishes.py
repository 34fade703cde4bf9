"""What may be asked of the one-machine fleet through the environment, beside the product's own `config.environment`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class Wishes(BaseSettings):
    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    database_url: str = ""
    broker_url: str = ""
    task_web_port: Port = 8000
    task_flower_port: Port = 5555
    task_postgres_port: Port = 15432
    task_valkey_port: Port = 16379
    task_admin_user: str = "admin"
    task_admin_password: str = ""
    task_ready_seconds: float = Field(180, gt=0)
    task_soft_shutdown_seconds: float = Field(10, ge=0)
