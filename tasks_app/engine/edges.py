"""Dependencies as they are written: references found, mistakes refused, cycles named, rows replaced.

Called by `authoring`. What an edge does when its upstream ends is the cascade's matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tasks_app.domain import graph
from tasks_app.domain.conditions import validate_expression
from tasks_app.engine.drafts import DependencyDraft
from tasks_app.engine.inserting import insert
from tasks_app.engine.reading import path, refused
from tasks_app.engine.rows import execute, rows
from tasks_app.models import Dependency, TaskDefinition
from tasks_app.models.visibility import Person, user_id, visible_definitions

SHOWN = 12
_ONE_EDITOR = "SELECT pg_advisory_xact_lock(hashtext('taskfleet.dependencies'))"
_ABOVE = """
WITH RECURSIVE above(upstream_id, downstream_id) AS (
    SELECT upstream_id, downstream_id FROM fleet_dependency WHERE downstream_id = ANY(%(ids)s)
    UNION
    SELECT d.upstream_id, d.downstream_id FROM fleet_dependency d JOIN above a ON d.downstream_id = a.upstream_id
)
SELECT upstream_id, downstream_id FROM above
"""


@dataclass(frozen=True)
class Wish:
    """The dependencies somebody wrote for one task; `at` is the path of the field they stand in."""

    downstream_id: UUID
    name: str
    drafts: Sequence[DependencyDraft]
    at: str


def one_editor_at_a_time() -> None:
    """From here to the end of the transaction no other edit of existing edges can close a cycle with ours.

    To be taken before any row is locked: two editors who hold a row each would wait for each other.
    """
    rows(_ONE_EDITOR)


def found(wishes: Sequence[Wish], *, by: Person) -> list[Dependency]:
    """The rows to write. A reference is an id, the name of a task among the wishes, or of one that `by` can see."""
    local = {wish.name: wish.downstream_id for wish in wishes}
    known = _existing({draft.task for wish in wishes for draft in wish.drafts} - set(local), by=by)
    problems: dict[str, list[str]] = {}
    edges: list[Dependency] = []
    for wish in wishes:
        taken: set[UUID] = set()
        for index, draft in enumerate(wish.drafts):
            upstream = (
                local.get(draft.task) or known.get(draft.task) or f"No task {draft.task[:100]!r} that you can see."
            )
            message = _mistake(draft, upstream, wish.downstream_id, taken)
            if message or not isinstance(upstream, UUID):
                problems[path(wish.at, index)] = [message]
                continue
            taken.add(upstream)
            edges.append(_edge(draft, upstream, wish.downstream_id))
    if problems:
        raise refused(problems)
    return edges


def above(edges: Iterable[Dependency]) -> list[tuple[UUID, UUID]]:
    """The edges that lead, in any number of steps, to the upstreams of these."""
    found = rows(_ABOVE, {"ids": list({edge.upstream_id for edge in edges})})
    return [(row.upstream_id, row.downstream_id) for row in found]


def refuse_cycles(
    edges: Iterable[Dependency],
    *,
    known: Iterable[tuple[UUID, UUID]],
    names: Mapping[UUID, str],
    at: Mapping[UUID, str],
    by: Person,
) -> None:
    """Refuse edges that close a cycle, with the known ones or among themselves, naming its path.

    `names` and `at`: the name and the field of each task that is being written.
    """
    cycle = graph.find_cycle([*((edge.upstream_id, edge.downstream_id) for edge in edges), *known])
    if cycle:
        where = next(at[node] for node in cycle if node in at)
        raise refused({where: [f"These tasks would wait for each other: {_in_words(cycle, names, by)}."]})


def write(edges: Sequence[Dependency], *, replacing: UUID | None = None) -> None:
    """Insert the rows, after removing the present ones of the task `replacing`. Requires a transaction."""
    if replacing is not None:
        execute("DELETE FROM fleet_dependency WHERE downstream_id = %s", [replacing])
    columns = ("upstream_id", "downstream_id", "condition", "expression", "delay_ms")
    insert(Dependency, [{name: getattr(edge, name) for name in columns} for edge in edges])


def _existing(references: set[str], *, by: Person) -> dict[str, UUID | str]:
    """Each reference to the task it means, or to the reason why it means none."""
    ids = {reference: parsed for reference in references if (parsed := as_uuid(reference))}
    live = visible_definitions(by).exclude(status=TaskDefinition.Status.ARCHIVED)
    by_id = set(live.filter(id__in=list(ids.values())).values_list("id", flat=True)) if ids else set()
    meant: dict[str, UUID | str] = {reference: one for reference, one in ids.items() if one in by_id}
    names = references - set(ids)
    homonyms: dict[str, list[tuple[UUID, int | None]]] = {}
    for id_, name, owner in live.filter(name__in=names).values_list("id", "name", "owner_id") if names else ():
        homonyms.setdefault(name, []).append((id_, owner))
    for name, tasks in homonyms.items():
        own = [id_ for id_, owner in tasks if owner == (user_id(by) or None)]
        several = f"Several tasks are named {name[:100]!r}; give the id."
        meant[name] = own[0] if own else tasks[0][0] if len(tasks) == 1 else several
    return meant


def as_uuid(text: str) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _mistake(draft: DependencyDraft, upstream: UUID | str, downstream: UUID, taken: set[UUID]) -> str:
    if isinstance(upstream, str):
        return upstream
    if upstream == downstream:
        return "A task cannot wait for itself."
    if upstream in taken:
        return f"{draft.task[:100]!r} is named twice; one edge says it."
    if draft.condition != "custom":
        return "An expression belongs to the condition 'custom'." if draft.expression else ""
    try:
        validate_expression(draft.expression)
    except ValueError as exc:
        return f"expression: {exc}"
    return ""


def _edge(draft: DependencyDraft, upstream: UUID, downstream: UUID) -> Dependency:
    return Dependency(
        upstream_id=upstream,
        downstream_id=downstream,
        condition=draft.condition,
        expression=draft.expression,
        delay_ms=draft.delay_ms,
    )


def _in_words(cycle: Sequence[UUID], names: Mapping[UUID, str], by: Person) -> str:
    shown = dict(visible_definitions(by).filter(id__in=cycle).values_list("id", "name")) | dict(names)
    words = [shown.get(node, "(a task you cannot see)") for node in cycle]
    if len(words) > SHOWN:
        words = [*words[: SHOWN - 2], f"({len(words) - SHOWN + 1} more)", words[-1]]
    return " -> ".join(words)
