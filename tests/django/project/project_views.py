import hashlib
import os
import sys
import time
from pathlib import Path

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt

from fairway.routing import Group


def count(request):
    """How often this session has been here."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"], "pid": os.getpid()})


def form(request):
    """A form that only its own page may send."""
    return HttpResponse(request.POST.get("text") or get_token(request))


def pid(request):
    return HttpResponse(str(os.getpid()))


def who(request):
    return HttpResponse(str(request.user))


@csrf_exempt
def upload(request):
    content = request.FILES["file"]
    digest = hashlib.sha256(content.read()).hexdigest()
    return JsonResponse({"name": content.name, "size": content.size, "sha256": digest})


def stream(request):
    """Lines enough to fill several windows."""
    lines = (f"{n:07}\n" * 1000 for n in range(int(request.GET["n"])))
    return StreamingHttpResponse(lines, content_type="text/plain")


def live(request):
    """The first part, and no end before the client goes."""

    async def parts():
        import asyncio

        yield "begun\n"
        await asyncio.Event().wait()

    return StreamingHttpResponse(parts())


def hold(request):
    """Answers once there is a file of that name, after saying, and writing, who waits."""
    Path(request.GET["until"]).with_suffix(".held").write_text(str(os.getpid()))
    sys.stdout.write(f"holding {os.getpid()}\n")
    sys.stdout.flush()
    until = time.monotonic() + 60
    while not os.path.exists(request.GET["until"]) and time.monotonic() < until:
        time.sleep(0.02)
    return HttpResponse(str(os.getpid()))


def say(request):
    Group("chat").send({"text": request.GET["text"]})
    return HttpResponse("said")
