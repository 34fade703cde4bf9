"""Workers of the fleet as their keepers report them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """One Celery worker process with its pool. Alive while `heartbeat_at` is fresh."""

    name = models.CharField(max_length=200, primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    pools = ArrayField(models.CharField(max_length=60))
    concurrency = models.IntegerField()
    code_version = models.CharField(max_length=80, default="")
    task_types = ArrayField(models.CharField(max_length=60))
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    stopped_at = models.DateTimeField(null=True)
    rss_kb = models.BigIntegerField(null=True)
    running = models.IntegerField(default=0)

    class Meta:
        db_table = "fleet_worker"
        indexes = [models.Index(fields=["heartbeat_at"], name="worker_alive", condition=models.Q(stopped_at=None))]

    def __str__(self) -> str:
        return self.name
