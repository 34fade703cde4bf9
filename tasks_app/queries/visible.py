"""Who may see what: people see the tasks they own or are assigned to, and what came of them; staff see all.

Called by the API, the admin and the verbs that look up what a person named. `None` is the system itself and sees all.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from tasks_app.models import Batch, Dependency, Execution, Schedule, TaskDefinition, Template, WorkflowRun
from tasks_app.models.visibility import Person, assigned_to, sees_all, user_id, visible_definitions


def definitions(user: Person) -> QuerySet[TaskDefinition]:
    """Tasks, archived ones included."""
    return visible_definitions(user)


def executions(user: Person) -> QuerySet[Execution]:
    """Runs of one's own tasks and of those one is assigned to.

    The question whether anything is assigned is asked first: most people then read one index from its newest end.
    """
    rows = Execution.objects.all()
    if sees_all(user):
        return rows
    if not user_id(user):
        return rows.none()
    assigned = list(assigned_to(user))
    mine = Q(owner_id=user_id(user))
    return rows.filter(mine | Q(definition_id__in=assigned) if assigned else mine)


def batches(user: Person) -> QuerySet[Batch]:
    """Batches one started."""
    return _owned(Batch.objects.all(), user)


def workflows(user: Person) -> QuerySet[WorkflowRun]:
    """Workflow runs one started, and those started at a task one may see."""
    rows = WorkflowRun.objects.all()
    if sees_all(user):
        return rows
    return rows.filter(Q(owner_id=user_id(user)) | Q(root_definition__in=assigned_to(user)))


def schedules(user: Person) -> QuerySet[Schedule]:
    """Schedules of visible tasks; those of hand-made periodic tasks belong to staff."""
    rows = Schedule.objects.all()
    return rows if sees_all(user) else rows.filter(definition__in=definitions(user))


def dependencies(user: Person) -> QuerySet[Dependency]:
    """Edges into visible tasks."""
    rows = Dependency.objects.all()
    return rows if sees_all(user) else rows.filter(downstream__in=definitions(user))


def templates(user: Person) -> QuerySet[Template]:
    """Built-in and public templates, one's own, and those of people one shares a group with."""
    rows = Template.objects.all()
    if sees_all(user):
        return rows
    colleagues = get_user_model()._default_manager.filter(groups__user=user_id(user)).values("id")
    team = Q(visibility=Template.Visibility.TEAM, owner__in=colleagues)
    return rows.filter(Q(built_in=True) | Q(visibility=Template.Visibility.PUBLIC) | Q(owner_id=user_id(user)) | team)


def may_administer(definition: TaskDefinition, user: Person) -> bool:
    """Whether somebody may archive a task and say who is assigned: its owner and staff."""
    return sees_all(user) or definition.owner_id == user_id(user)


def _owned(rows: QuerySet[Any], user: Person) -> QuerySet[Any]:
    return rows if sees_all(user) else rows.filter(owner_id=user_id(user))
