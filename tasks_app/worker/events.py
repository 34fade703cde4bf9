"""The worker's consumer, with its task events sent together: Flower hears of everything a moment later, and the one
process that feeds all pool children does not spend half of its time on telling.

Named in settings (`worker_consumer`). Celery sends what has gathered at every turn of its loop, which under load is a
message an event; here it gathers for a tenth of a second, or until Celery's own limit of events is reached.
"""

import contextlib
from typing import Any

from celery.worker import consumer

GATHER_SECONDS = 0.1
CeleryConsumer: Any = consumer.Consumer


class Consumer(CeleryConsumer):
    """Celery's, but for when events go out."""

    _gathering = False

    def on_send_event_buffered(self) -> None:
        """An event waits in the buffer."""
        if self.hub and not self._gathering:
            self._gathering = True
            self.hub.call_later(GATHER_SECONDS, self._flush_events)

    def _flush_events(self) -> None:
        self._gathering = False
        super()._flush_events()

    def stop(self) -> Any:
        """What has gathered still goes out: it tells how the last tasks ended."""
        with contextlib.suppress(*self.connection_errors, OSError):
            self._flush_events()
        return super().stop()
