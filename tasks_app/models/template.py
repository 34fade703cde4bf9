"""Definitions not yet adopted."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from tasks_app.models.fields import created_field, id_field


class Template(models.Model):
    """Built-in (synced from `templates_library/`) or custom."""

    class Visibility(models.TextChoices):
        PRIVATE = "private"
        TEAM = "team"
        PUBLIC = "public"

    id = id_field()
    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    category = models.CharField(max_length=60, blank=True, default="")
    task_type = models.CharField(max_length=60)
    content = models.JSONField(default=dict, help_text="fields of a task, as the API takes them")
    required = models.JSONField(default=list, help_text="config fields that must be given on adoption")
    version = models.PositiveIntegerField(default=1)
    built_in = models.BooleanField(default=False)
    visibility = models.CharField(max_length=7, choices=Visibility.choices, default=Visibility.PRIVATE)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    created_at = created_field()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "fleet_template"

    def __str__(self) -> str:
        return self.name
