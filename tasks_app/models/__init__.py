"""One table a file. Fields, constraints, indexes; no verbs, no save(), no signals."""

from tasks_app.models.attempt import Attempt
from tasks_app.models.batch import Batch, BatchMember
from tasks_app.models.definition import DefinitionHead, DefinitionVersion, TaskDefinition
from tasks_app.models.dependency import Dependency
from tasks_app.models.execution import Execution
from tasks_app.models.idempotency import IdempotencyKey
from tasks_app.models.link import Link
from tasks_app.models.logline import LogLine
from tasks_app.models.loop import LoopLease
from tasks_app.models.occurrence import Occurrence, OccurrenceRun
from tasks_app.models.result import Result
from tasks_app.models.schedule import Schedule
from tasks_app.models.slot import Slot
from tasks_app.models.template import Template
from tasks_app.models.transition import Transition
from tasks_app.models.worker import Worker
from tasks_app.models.workflow import WorkflowRun

__all__ = [
    "Attempt",
    "Batch",
    "BatchMember",
    "DefinitionHead",
    "DefinitionVersion",
    "Dependency",
    "Execution",
    "IdempotencyKey",
    "Link",
    "LogLine",
    "LoopLease",
    "Occurrence",
    "OccurrenceRun",
    "Result",
    "Schedule",
    "Slot",
    "TaskDefinition",
    "Template",
    "Transition",
    "Worker",
    "WorkflowRun",
]
