"""Pages that need of Django what pages need."""

from django.urls import path
from project_views import count, form, hold, live, pid, say, stream, upload, who

urlpatterns = [
    path("count", count),
    path("form", form),
    path("hold", hold),
    path("live", live),
    path("pid", pid),
    path("say", say),
    path("stream", stream),
    path("upload", upload),
    path("who", who),
]
