"""Addresses of the admin that belong to no table: the dashboard's refreshing part. Imported by the package."""

from django.contrib import admin
from django.urls import URLPattern, path

from tasks_app.admin import dashboard


def _extra() -> list[URLPattern]:
    return [path("live/", admin.site.admin_view(dashboard.live), name="dashboard-live")]


# Unfold's site asks for addresses of its own here.
admin.site.extra_urls = _extra  # type: ignore[attr-defined]
