"""The state of the parts the fleet stands on."""

from django.db import DatabaseError, connection

from tasks_app.broker.control import broker_answers


def readiness() -> dict[str, str]:
    """`ok` or `unavailable` for the database and the broker, each within its own short time-out."""
    return {"database": _database(), "broker": "ok" if broker_answers() else "unavailable"}


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return "unavailable"
    return "ok"
