"""An end that nothing depends on: what must hold for `moves.end` to do all of it in one statement, and the rest of it.

Fragments of that statement; no verb stands here.
"""

ALONE = """
    AND e.workflow_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM fleet_dependency d WHERE d.upstream_id = e.definition_id)
    AND NOT EXISTS (SELECT 1 FROM fleet_link l WHERE l.upstream_definition_id = e.definition_id
                    AND l.upstream_id IS NULL AND l.state = 'open')
    AND NOT EXISTS (SELECT 1 FROM fleet_attempt a WHERE a.id = e.attempt_id AND cardinality(a.slots) > 1)
"""
HEAD = """
, given AS (
    UPDATE fleet_slot s SET used = greatest(0, s.used - 1) FROM closed WHERE s.key = closed.slots[1] RETURNING s.key
), head AS (
    UPDATE fleet_definition_head h SET last_execution_id = m.id, last_state = m.state,
        last_finished_at = clock_timestamp(), last_facts = NULL,
        last_success_at = CASE WHEN m.state = 'completed' THEN clock_timestamp() ELSE h.last_success_at END,
        state = coalesce(%(kept_state)s::jsonb, h.state)
    FROM moved m, (SELECT count(*) FROM given) g
    WHERE h.definition_id = m.definition_id AND m.state NOT IN ('retrying', 'pending')
)
"""
