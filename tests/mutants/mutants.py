"""The guards that keep the fleet right, each with what is left when it is gone and the test that must notice.

Read by `test_mutants`, which applies them to a copy. A change is (file, old text, new text); the old text must stand in
its file exactly once, so that a guard which moves takes its mutant along.
"""

from dataclasses import dataclass

MOVES, CLAIM, SLOTS, LINKS, CASCADE, DEPENDENTS, LEDGER, CONTROL, DISPATCH, FINISH, LANES, TRIGGER = (
    f"tasks_app/engine/{verb}.py"
    for verb in (
        "moves", "claim", "slots", "links", "cascade", "dependents", "ledger", "control", "dispatch", "finish",
        "lanes", "trigger",
    )
)  # fmt: skip
TABLES = "tasks_app/migrations/0001_initial.py"
RIVER, LIMITS, TICK = (f"tests/engine/test_{name}.py" for name in ("river", "limits", "tick"))
CLAIMS, ENDS, FAN_IN, SLOT_RACES, BATCHES, SENDING = (
    f"tests/races/test_{name}.py" for name in ("claims", "ends", "fan_in", "slots", "batches", "sending")
)


@dataclass(frozen=True)
class Mutant:
    """One guard taken away. `new_tables`: it changes a table, so it needs a database of its own."""

    guard: str
    changes: tuple[tuple[str, str, str], ...]
    killed_by: str
    new_tables: bool = False


MUTANTS = (
    Mutant(
        "a claim takes what is pending only",
        ((MOVES, "{{which}} AND {PENDING} AND (d.status", "{{which}} AND (d.status"),),
        f"{RIVER}::test_a_second_message_for_the_same_execution_changes_nothing",
    ),
    Mutant(
        "a claim locks the row it found",
        ((MOVES, "ANY(%(types)s::text[])\n    FOR UPDATE OF e SKIP LOCKED", "ANY(%(types)s::text[])"),),
        f"{CLAIMS}::test_a_claim_that_is_not_committed_keeps_the_next_one_out",
    ),
    Mutant(
        "a claim looks at the pause",
        ((MOVES, "AND (d.status = 'active' OR e.forced)", ""),),
        f"{RIVER}::test_a_paused_definition_starts_nothing_by_itself_but_by_hand",
    ),
    Mutant(
        "what a claim holds back is not being resumed",
        ((CLAIM, "d.status <> 'active' FOR SHARE", "d.status <> 'active'"),),
        f"{CLAIMS}::test_a_worker_that_still_sees_the_pause_does_not_hold_back_what_a_resume_sets_free",
    ),
    Mutant(
        "what a move holds back is not being resumed",
        ((MOVES, "d.status <> 'active' FOR SHARE", "d.status <> 'active'"),),
        f"{CLAIMS}::test_what_becomes_due_or_is_opened_while_a_resume_commits_is_not_held_for_ever",
    ),
    Mutant(
        "the fence: only the attempt that holds an execution ends it",
        ((MOVES, "AND e.attempt_id = %(attempt_id)s::bigint {{alone}}", "{{alone}}"),),
        f"{RIVER}::test_a_late_answer_of_a_lost_attempt_is_refused_with_its_state",
    ),
    Mutant(
        "a move starts from the states it may start from",
        ((MOVES, "e.id = ANY(%(ids)s) AND (e.state || '') = ANY(%(sources)s) {where}", "e.id = ANY(%(ids)s) {where}"),),
        f"{CLAIMS}::test_a_move_by_two_at_once_is_made_once",
    ),
    Mutant(
        "a link is settled once",
        (
            (CASCADE, "l.upstream_id = ANY(%(ids)s) AND l.state = 'open' ORDER", "l.upstream_id = ANY(%(ids)s) ORDER"),
            (LINKS, "WHERE l.id = n.id AND l.state = 'open'", "WHERE l.id = n.id"),
        ),
        f"{FAN_IN}::test_an_end_that_two_sweeps_find_unsettled_counts_once",
    ),
    Mutant(
        "only the deciding value of a counter starts a join",
        ((LINKS, "c.waiting_for <= 0 and c.id", "c.waiting_for <= 1 and c.id"),),
        f"{FAN_IN}::test_an_end_that_two_sweeps_find_unsettled_counts_once",
    ),
    Mutant(
        "a counter is counted down from what it is, not from what it was",
        ((LINKS, "SET waiting_for = e.waiting_for - n.lit", "SET waiting_for = locked.was - n.lit"),
         (LINKS, "SELECT e.id FROM fleet_execution e JOIN n ON n.id = e.id WHERE {BLOCKED} "
                 "ORDER BY e.id FOR UPDATE OF e",
          "SELECT e.id, e.waiting_for AS was FROM fleet_execution e JOIN n ON n.id = e.id WHERE {BLOCKED}")),
        f"{FAN_IN}::test_two_ends_of_which_neither_sees_the_other_start_their_join",
    ),
    Mutant(
        "a definition collects in one execution at a time",
        ((DEPENDENTS, "WHERE definition_id = %(id)s FOR UPDATE", "WHERE definition_id = %(id)s"),),
        f"{FAN_IN}::test_two_upstreams_that_end_at_once_open_one_collecting_execution_and_start_it_once[inside]",
    ),
    Mutant(
        "nobody begins to wait for an end that has been",
        ((FINISH, "    if row.has_dependents:\n        keep(facts=facts)\n", ""),
         (FINISH, "    if not row.has_dependents:\n        keep()\n",
          "    keep(facts=facts if row.has_dependents else None)\n")),
        f"{FAN_IN}::test_an_upstream_that_ends_while_a_run_begins_to_wait_for_it_is_not_overlooked",
    ),
    Mutant(
        "who begins to wait waits for an end that is being written",
        ((TRIGGER, "    execute(_HEADS, {\"ids\": upstreams})\n", ""),),
        f"{FAN_IN}::test_a_run_that_begins_to_wait_while_its_upstream_ends_is_not_overlooked",
    ),
    Mutant(
        "a single limit's unit is taken while one is free",
        ((MOVES, "      AND s.used < s.\"limit\" RETURNING s.key", "      RETURNING s.key"),),
        f"{SLOT_RACES}::test_the_last_unit_of_a_single_limit_is_not_given_twice",
    ),
    Mutant(
        "several limits are locked before they are judged",
        ((SLOTS, "split_part(key, ':', 1)), key FOR UPDATE", "split_part(key, ':', 1)), key"),),
        f"{SLOT_RACES}::test_the_last_units_that_are_taken_but_not_committed_are_not_given_twice",
    ),
    Mutant(
        "whoever gives a unit back calls the next in line",
        ((FINISH, "pools = slots.let_through(row.slots) if row.slots else set()", "pools = set()"),),
        f"{LIMITS}::test_a_definitions_limit_holds_and_its_end_lets_the_next_one_through",
    ),
    Mutant(
        "the ledger has each instant of a schedule once",
        (
            (LEDGER, "ON CONFLICT (schedule_id, due_at) DO NOTHING ", ""),
            (TABLES, "'constraints': [models.UniqueConstraint(fields=('schedule_id', 'due_at'), "
                     "name='occurrence_once')],\n", "\n"),
        ),
        f"{TICK}::test_an_occurrence_in_the_ledger_is_never_run_again",
        new_tables=True,
    ),
    Mutant(
        "with a cancel asked for, every end but completed is cancelled",
        ((MOVES, "WHEN locked.cancel_requested_at IS NOT NULL AND %(target)s::text <> 'completed' THEN 'cancelled'",
          "WHEN false THEN 'cancelled'"),),
        f"{RIVER}::test_a_waiting_execution_is_cancelled_at_once_and_a_running_one_when_it_ends",
    ),
    Mutant(
        "a cancel waits for a claim that is just being made",
        ((CONTROL, "AND state IN {_OPEN} ORDER BY id FOR UPDATE", "AND state IN {_OPEN}"),),
        f"{ENDS}::test_a_cancel_that_meets_a_claim_before_its_commit_reaches_the_running_one",
    ),
    Mutant(
        "the dispatchers of one pool take turns",
        ((DISPATCH, "SELECT pg_advisory_xact_lock(hashtext(%(lock)s::text)),", "SELECT %(lock)s::text,"),),
        f"{SENDING}::test_a_dispatcher_that_has_not_committed_counts_for_the_next_one_who_has_more_urgent_work",
    ),
    Mutant(
        "a batch's closing message is published once",
        ((LANES, " AND state <> 'running' AND NOT body_sent", " AND state <> 'running'"),),
        f"{BATCHES}::test_two_last_members_that_end_at_once_close_their_batch_once",
    ),
)  # fmt: skip
