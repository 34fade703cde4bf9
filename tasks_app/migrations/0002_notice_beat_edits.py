"""Database triggers that notice edits made in django-celery-beat's tables, whoever makes them and however.

They only mark our schedule rows: deriving what a mark means is the tick's work. A mark costs the editor one indexed
UPDATE; columns that beat writes while running (`last_run_at`, `total_run_count`) mark nothing.

* a hand-made PeriodicTask gets a schedule row of its own; an edited one marks its schedule
* an edited crontab, interval, clocked or solar row marks the schedules of all that hang on it
* a deleted PeriodicTask leaves its schedule unlinked and marked
* a deleted schedule of a task takes its PeriodicTask, and the rows only that one used, with it
"""

from django.db import migrations

SCHEDULE_TABLES = ("crontab", "interval", "clocked", "solar")

PERIODIC_TASK = """
CREATE FUNCTION fleet_periodic_task_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.task = 'taskfleet.occurrence' THEN
        UPDATE fleet_schedule SET stale_at = clock_timestamp() WHERE periodic_task_id = NEW.id;
    ELSE
        INSERT INTO fleet_schedule (periodic_task_id, stale_at) VALUES (NEW.id, clock_timestamp())
        ON CONFLICT (periodic_task_id) DO UPDATE SET stale_at = excluded.stale_at;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER fleet_made AFTER INSERT ON django_celery_beat_periodictask
    FOR EACH ROW WHEN (NEW.task <> 'taskfleet.occurrence') EXECUTE FUNCTION fleet_periodic_task_changed();

CREATE TRIGGER fleet_edited AFTER UPDATE ON django_celery_beat_periodictask
    FOR EACH ROW WHEN (
        (OLD.task, OLD.enabled, OLD.crontab_id, OLD.interval_id, OLD.clocked_id, OLD.solar_id, OLD.start_time,
         OLD.expires, OLD.one_off)
        IS DISTINCT FROM
        (NEW.task, NEW.enabled, NEW.crontab_id, NEW.interval_id, NEW.clocked_id, NEW.solar_id, NEW.start_time,
         NEW.expires, NEW.one_off)
    ) EXECUTE FUNCTION fleet_periodic_task_changed();

CREATE FUNCTION fleet_periodic_task_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE fleet_schedule SET periodic_task_id = NULL WHERE periodic_task_id = OLD.id;
    RETURN OLD;
END $$;

CREATE TRIGGER fleet_gone BEFORE DELETE ON django_celery_beat_periodictask
    FOR EACH ROW EXECUTE FUNCTION fleet_periodic_task_gone();
"""

DROP_PERIODIC_TASK = """
DROP TRIGGER fleet_made ON django_celery_beat_periodictask;
DROP TRIGGER fleet_edited ON django_celery_beat_periodictask;
DROP TRIGGER fleet_gone ON django_celery_beat_periodictask;
DROP FUNCTION fleet_periodic_task_changed();
DROP FUNCTION fleet_periodic_task_gone();
"""

# Row triggers with a static statement each: PL/pgSQL keeps one plan, and saving a row unchanged marks nothing.
SHARED_ROW = """
CREATE FUNCTION fleet_{kind}_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE fleet_schedule s SET stale_at = clock_timestamp() FROM django_celery_beat_periodictask p
    WHERE p.{kind}_id = NEW.id AND s.periodic_task_id = p.id;
    RETURN NULL;
END $$;

CREATE TRIGGER fleet_edited AFTER UPDATE ON django_celery_beat_{kind}schedule
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION fleet_{kind}_changed();
"""

DROP_SHARED_ROW = """
DROP TRIGGER fleet_edited ON django_celery_beat_{kind}schedule;
DROP FUNCTION fleet_{kind}_changed();
"""

SCHEDULE = """
CREATE FUNCTION fleet_schedule_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stale_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER fleet_unlinked BEFORE UPDATE OF periodic_task_id ON fleet_schedule
    FOR EACH ROW WHEN (OLD.periodic_task_id IS NOT NULL AND NEW.periodic_task_id IS NULL)
    EXECUTE FUNCTION fleet_schedule_unlinked();

CREATE FUNCTION fleet_schedule_gone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_task django_celery_beat_periodictask%ROWTYPE;
BEGIN
    DELETE FROM django_celery_beat_periodictask WHERE id = OLD.periodic_task_id RETURNING * INTO old_task;
    DELETE FROM django_celery_beat_crontabschedule c WHERE c.id = old_task.crontab_id
        AND NOT EXISTS (SELECT 1 FROM django_celery_beat_periodictask p WHERE p.crontab_id = c.id);
    DELETE FROM django_celery_beat_intervalschedule i WHERE i.id = old_task.interval_id
        AND NOT EXISTS (SELECT 1 FROM django_celery_beat_periodictask p WHERE p.interval_id = i.id);
    DELETE FROM django_celery_beat_clockedschedule k WHERE k.id = old_task.clocked_id
        AND NOT EXISTS (SELECT 1 FROM django_celery_beat_periodictask p WHERE p.clocked_id = k.id);
    RETURN NULL;
END $$;

CREATE TRIGGER fleet_gone AFTER DELETE ON fleet_schedule
    FOR EACH ROW WHEN (OLD.definition_id IS NOT NULL AND OLD.periodic_task_id IS NOT NULL)
    EXECUTE FUNCTION fleet_schedule_gone();
"""

DROP_SCHEDULE = """
DROP TRIGGER fleet_unlinked ON fleet_schedule;
DROP TRIGGER fleet_gone ON fleet_schedule;
DROP FUNCTION fleet_schedule_unlinked();
DROP FUNCTION fleet_schedule_gone();
"""

# Every tick leaves dead entries at the left edge of the `next_due_at` index, which every tick reads first.
STORAGE = """
ALTER TABLE fleet_schedule SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05)
"""
PLAIN_STORAGE = """
ALTER TABLE fleet_schedule RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay,
    autovacuum_analyze_scale_factor)
"""

ADOPT = """
INSERT INTO fleet_schedule (periodic_task_id, stale_at)
SELECT id, clock_timestamp() FROM django_celery_beat_periodictask WHERE task <> 'taskfleet.occurrence'
ON CONFLICT (periodic_task_id) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tasks_app", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        # A trigger needs its table for itself for a moment: rather fail and be run again than queue up all writers.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(STORAGE, PLAIN_STORAGE),
        migrations.RunSQL(SCHEDULE, DROP_SCHEDULE),
        migrations.RunSQL(PERIODIC_TASK, DROP_PERIODIC_TASK),
        *(
            migrations.RunSQL(SHARED_ROW.format(kind=kind), DROP_SHARED_ROW.format(kind=kind))
            for kind in SCHEDULE_TABLES
        ),
        migrations.RunSQL(ADOPT, migrations.RunSQL.noop),
    ]
