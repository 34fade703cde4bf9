"""What the planner knows of tables that have just grown by thousands of rows.

It goes by what it last saw; a server's own look comes after a minute or more, and until then a statement that finds
"the next one" may read all that wait. Called by the verbs that open many executions at once.
"""

from functools import partial

from django.db import transaction

from tasks_app.engine.rows import execute

MANY = 1000
_LOOK = "ANALYZE (SKIP_LOCKED) fleet_execution, fleet_link"


def told_of(opened: int) -> None:
    """Let the planner look at the queue after the commit when many were opened. It reads a bounded sample, and passes
    a table over that somebody else is looking at. Requires a transaction."""
    if opened >= MANY:
        transaction.on_commit(partial(execute, _LOOK), robust=True)
