"""E-mail for notifications: Django's mail, which anymail turns into Resend when a key is set, the console otherwise."""

from collections.abc import Sequence

from django.core.mail import EmailMessage


def send_email(*, to: Sequence[str], subject: str, body: str, from_email: str | None = None) -> int:
    """How many messages the backend took. Raises what the backend raises."""
    return EmailMessage(subject=subject, body=body, from_email=from_email, to=list(to)).send(fail_silently=False)
