"""What a first start asks before it fills an empty database. Called by the commands of a first start only."""

from django.contrib.auth.models import User

from tasks_app.models import TaskDefinition


def anything_defined() -> bool:
    """Whether there is any task, of whomever."""
    return TaskDefinition.objects.exists()


def first_administrator() -> User | None:
    """Who owns what nobody in particular has made."""
    return User.objects.filter(is_superuser=True).order_by("pk").first()
