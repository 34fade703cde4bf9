"""The indexes of the queue go by columns that only waiting rows have, not by the state.

A planner that last looked when nothing waited takes any partial index of a state for empty; these can only serve the
statements they were made for (see `engine/queue.py`). Workers of the code before this go on without them, slower.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Cast

INDEXES = {
    "execution_queue": (
        ["pool", "turn_key", "queue_at"],
        Q(queue_at__isnull=False, held=False, waiting_slot=None, sent_at=None, batch_id=None),
    ),
    "execution_out": (["pool", "resend_at"], Q(sent_at__isnull=False)),
    "execution_slot": (["waiting_slot", "queue_at"], Q(waiting_slot__isnull=False)),
}
LANE = models.Index(
    Cast("batch_id", models.TextField()),
    models.F("queue_at"),
    models.F("batch_position"),
    name="execution_lane",
    condition=Q(queue_at__isnull=False, batch_id__isnull=False),
)

# Whether one more message may go: the dispatchers' lock, tried, and a count under it. A volatile function sees what was
# committed when each of its statements began, so whoever held the lock before is counted.
MAY_GO = """
CREATE OR REPLACE FUNCTION fleet_may_go(of_pool text, most int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('dispatch:' || of_pool)) THEN
        RETURN false;
    END IF;
    RETURN (SELECT count(*) FROM fleet_execution e
            WHERE e.pool = of_pool AND e.sent_at IS NOT NULL AND (e.state || '') = 'pending') < most;
END $$
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tasks_app", "0002_notice_beat_edits")]
    operations = [
        migrations.RunSQL(
            "UPDATE fleet_execution SET queue_at = NULL, waiting_slot = NULL "
            "WHERE state <> 'pending' AND (queue_at IS NOT NULL OR waiting_slot IS NOT NULL)",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(MAY_GO, "DROP FUNCTION fleet_may_go(text, int)"),
        *(RemoveIndexConcurrently("execution", name) for name in [*INDEXES, LANE.name]),
        *(
            AddIndexConcurrently("execution", models.Index(fields=fields, name=name, condition=condition))
            for name, (fields, condition) in INDEXES.items()
        ),
        AddIndexConcurrently("execution", LANE),
    ]
