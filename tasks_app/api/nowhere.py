"""Addresses of the API that lead nowhere: the one error shape, or the way to the address with its slash."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import is_valid_path
from django.views.decorators.csrf import csrf_exempt

from tasks_app.api.errors import error_body


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponse:
    """404, or 308 (which keeps method and body) when only the slash at the end is missing."""
    slashed = request.path_info + "/"
    match = not request.path_info.endswith("/") and is_valid_path(slashed)
    if match and match.func is not nowhere:
        return HttpResponse(status=308, headers={"Location": request.get_full_path(force_append_slash=True)})
    return JsonResponse(error_body("not_found", "There is nothing at this address."), status=404)
