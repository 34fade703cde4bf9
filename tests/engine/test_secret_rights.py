"""Whose secrets are whose: naming one in a config is for staff, or for a shared one."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from tasks_app.domain.refusals import Refused
from tasks_app.engine import authoring, trigger

pytestmark = pytest.mark.django_db(transaction=True)
HOOK = {"url": "http://127.0.0.1:9/", "secret": {"$secret": "HOOK_KEY"}}


def draft(**more):
    return {"name": "hook", "task_type": "webhook", "config": HOOK, **more}


@pytest.fixture
def person():
    return User.objects.create_user("person")


@pytest.fixture
def staff():
    return User.objects.create_user("staff", is_staff=True)


def test_naming_a_secret_is_for_staff(person, staff):
    with pytest.raises(Refused, match="HOOK_KEY") as refused:
        authoring.create(draft(), by=person)
    assert "config" in refused.value.fields
    assert authoring.create(draft(), by=staff).name == "hook"


def test_a_shared_secret_is_open_to_all(person, settings):
    settings.TASKFLEET = replace(settings.TASKFLEET, shared_secrets=("HOOK_KEY",))
    assert authoring.create(draft(), by=person).owner == person


def test_a_person_cannot_send_a_staff_tasks_secret_elsewhere(person, staff):
    task = authoring.create(draft(assignees=["person"]), by=staff)
    elsewhere = {"url": "http://127.0.0.1:10/"}
    with pytest.raises(Refused, match="HOOK_KEY"):
        trigger.trigger(task, by=person, overrides={"config": elsewhere})
    with pytest.raises(Refused, match="HOOK_KEY"):
        authoring.update(task, {"config": {**HOOK, **elsewhere}}, by=person)
    assert trigger.trigger(task, by=person).state == "pending"
