"""The named filter behind "who may see what": a person sees the tasks they own or are assigned to; staff see all.

Read by `queries/visible.py` and by the verbs that look up what a person named. `None` is the system itself.
"""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from tasks_app.models.definition import TaskDefinition

Person = AbstractBaseUser | AnonymousUser | None


def sees_all(user: Person) -> bool:
    """Staff and the system itself."""
    return user is None or bool(getattr(user, "is_staff", False))


def assigned_to(user: Person) -> QuerySet[Any, Any]:
    """The ids of the tasks somebody is assigned to."""
    through = TaskDefinition.assignees.through._default_manager
    return through.filter(user_id=user_id(user)).values_list("taskdefinition_id", flat=True)


def visible_definitions(user: Person) -> QuerySet[TaskDefinition]:
    """Tasks a person may see, archived ones included."""
    rows = TaskDefinition.objects.all()
    return rows if sees_all(user) else rows.filter(Q(owner_id=user_id(user)) | Q(id__in=assigned_to(user)))


def user_id(user: Person) -> int:
    """The id of a person; 0, which is nobody's, for somebody anonymous."""
    return getattr(user, "pk", None) or 0
