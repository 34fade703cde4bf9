"""How hot statements ask for waiting and running rows, so that a plan costs the answer, not the table.

The planner remembers tables as they were when it last looked. To a queue that was empty then, any partial index of
waiting rows seems as good as the row's id, also when thousands wait by now. So a state is compared in a form that no
index serves, and rows that wait are found by `queue_at`, which only they have, through the one index made for it.
Called by the verbs; no statement stands here.
"""

PENDING = "(e.state || '') = 'pending'"
RUNNING = "(e.state || '') = 'running'"
BLOCKED = "(e.state || '') = 'blocked'"
# May be taken up now.
FREE = f"e.queue_at IS NOT NULL AND {PENDING} AND NOT e.held AND e.waiting_slot IS NULL"
# Waits for a message of its own; members of a batch are carried by lanes.
UNSENT = f"{FREE} AND e.sent_at IS NULL AND e.batch_id IS NULL"
# A member of a batch that may be taken up now: only the lanes' index has the batch in this form.
MEMBER = f"e.batch_id::text = %(batch)s::text AND {FREE}"
# Has a message out.
SENT = f"e.sent_at IS NOT NULL AND {PENDING}"
