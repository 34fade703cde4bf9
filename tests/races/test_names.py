"""Two people who want the same name at once: one gets it, the other is told which field to change."""

from functools import partial

import pytest
from django.contrib.auth.models import User

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine import authoring
from tasks_app.models import TaskDefinition
from tests.races.barrier import at_once, inside

pytestmark = pytest.mark.django_db(transaction=True)


def write(name, *, by):
    try:
        return authoring.create({"name": name, "task_type": "append"}, by=by)
    except Refused as no:
        return no.code, sorted(no.fields)


@pytest.mark.parametrize("meet", [at_once, inside])
def test_a_name_that_two_want_at_once_is_given_once_and_the_other_is_told_the_field(meet):
    ada = User.objects.create(username="ada")
    found = list(meet(partial(write, "Prices", by=ada), partial(write, "Prices", by=ada)))
    assert (Code.CONFLICT, ["name"]) in found
    assert TaskDefinition.objects.filter(name="Prices", owner=ada).count() == 1


def test_two_owners_may_use_one_name_at_once():
    owners = [User.objects.create(username=name) for name in ("ada", "bob")]
    at_once(*[partial(write, "Prices", by=owner) for owner in owners])
    assert TaskDefinition.objects.filter(name="Prices").count() == 2


def test_a_rename_to_a_name_that_is_just_being_taken_is_refused():
    ada = User.objects.create(username="ada")
    other = write("Other", by=ada)

    def rename():
        try:
            return authoring.update(other, {"name": "Prices"}, by=ada)
        except Refused as no:
            return no.code, sorted(no.fields)

    _, second = inside(lambda: write("Prices", by=ada), rename)
    assert second == (Code.CONFLICT, ["name"])
