"""The map of addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("admin/", admin.site.urls),
    path("health/", include("tasks_app.api.health")),
    path("api/v1/", include("tasks_app.api.v1.urls")),
    path("api/", include("tasks_app.api.schema")),
]
