"""Answers kept for requests that carry an Idempotency-Key."""

from django.conf import settings
from django.db import models

from tasks_app.models.fields import created_field


class IdempotencyKey(models.Model):
    """Unique (user, key). `status` null: the first request is still being answered."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    created_at = created_field()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "fleet_idempotency_key"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return self.key
