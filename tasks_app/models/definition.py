"""Task definitions: the head a person edits, its immutable versions, and what is kept of its last run."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from tasks_app.models.fields import created_field, id_field


class TaskDefinition(models.Model):
    """A user's named, configured wish. What it does stands in `current_version`."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ARCHIVED = "archived"

    id = id_field()
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="definitions"
    )
    assignees = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="assigned_definitions")
    current_version = models.ForeignKey(
        "tasks_app.DefinitionVersion", null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = created_field()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "fleet_definition"
        verbose_name = "task"
        permissions = [("execute_task", "Can run tasks")]
        constraints = [
            # Two constraints, because NULLS NOT DISTINCT needs PostgreSQL 15.
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=~models.Q(status="archived"),
                name="definition_name_once",
                violation_error_message="A task with this name exists already; choose another name.",
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(owner=None) & ~models.Q(status="archived"),
                name="definition_ownerless_name_once",
                violation_error_message="A task with this name exists already; choose another name.",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="definition_created"),
            models.Index(fields=["name"], name="definition_name"),
        ]

    def __str__(self) -> str:
        return self.name


class DefinitionVersion(models.Model):
    """The immutable content of a definition; an edit makes a new one."""

    class DependencyMode(models.TextChoices):
        ALL = "all"
        ANY = "any"

    id = id_field()
    definition = models.ForeignKey(TaskDefinition, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    task_type = models.CharField(max_length=60)
    config = models.JSONField(default=dict, blank=True)
    pool = models.CharField(max_length=60, default="default")
    priority = models.SmallIntegerField(default=4)
    timeout_seconds = models.FloatField(default=300)
    max_retries = models.PositiveSmallIntegerField(default=3)
    initial_delay_ms = models.PositiveIntegerField(default=1_000)
    max_delay_ms = models.PositiveIntegerField(default=30_000)
    backoff_multiplier = models.FloatField(default=2)
    jitter = models.FloatField(default=0.5)
    retry_conditions = ArrayField(models.CharField(max_length=30), null=True, blank=True)
    idempotent = models.BooleanField(default=True)
    max_concurrent = models.PositiveIntegerField(null=True, blank=True)
    concurrency_key = models.CharField(max_length=120, blank=True, default="")
    concurrency_limit = models.PositiveIntegerField(null=True, blank=True)
    start_by_seconds = models.FloatField(null=True, blank=True)
    dependency_mode = models.CharField(max_length=3, choices=DependencyMode.choices, default=DependencyMode.ALL)
    trigger_on_dependencies = models.BooleanField(default=True)
    dependency_timeout_seconds = models.FloatField(default=86_400)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = created_field()

    class Meta:
        db_table = "fleet_definition_version"
        constraints = [models.UniqueConstraint(fields=["definition", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"{self.definition_id} v{self.number}"


class DefinitionHead(models.Model):
    """What outlives retention: the last final execution, the executor's state, the collecting execution.

    Execution ids here are plain values: history may be dropped without asking this table.
    """

    definition = models.OneToOneField(TaskDefinition, primary_key=True, on_delete=models.CASCADE, related_name="head")
    last_execution_id = models.UUIDField(null=True)
    last_state = models.CharField(max_length=10, blank=True, default="", db_default="")
    last_finished_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_facts = models.JSONField(null=True)
    collecting_id = models.UUIDField(null=True)
    state = models.JSONField(null=True)

    class Meta:
        db_table = "fleet_definition_head"

    def __str__(self) -> str:
        return str(self.definition_id)
