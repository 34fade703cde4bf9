"""Questions to the broker itself."""

from celery import current_app


def broker_answers() -> bool:
    """Whether a connection to the broker opens within about a second."""
    connection = current_app.connection_for_write(connect_timeout=1)
    options = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0, "interval_start": 0}
    connection.transport_options = {**(connection.transport_options or {}), **options}
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=1, reraise_as_library_errors=False)
    except Exception:  # every transport has errors of its own; any of them means "does not answer"
        return False
    finally:
        connection.release()
    return True
