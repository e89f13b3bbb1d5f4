"""A Django project in one file, as ASGI application. It knows nothing of Fairway."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path
from django.views.decorators.http import condition, require_POST

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="not a secret",
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    LOGGING_CONFIG=None,
)


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Hello, {request.GET.get('name', 'world')}!")


async def hello_async(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return JsonResponse({"method": request.method, "headers": sorted(request.headers.items())})


def slow(request: HttpRequest) -> HttpResponse:
    time.sleep(0.15)
    return HttpResponse("at last")


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type=request.content_type)


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    facts = {"name": file.name, "size": file.size, "sha256": digest.hexdigest()}
    return JsonResponse({**facts, "a": request.POST["a"]})


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(str(sorted(request.COOKIES.items())))
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2", path="/b")
    return response


def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def rows() -> AsyncIterator[str]:
        for number in range(100):
            yield f"row {number}\n" * 50
            if number % 25 == 0:
                await asyncio.sleep(0.001)

    return StreamingHttpResponse(rows(), content_type="text/csv")


def stream_sync(request: HttpRequest) -> StreamingHttpResponse:
    def rows() -> Iterator[str]:
        for number in range(20):
            yield f"row {number}\n"

    return StreamingHttpResponse(rows())


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"), as_attachment=True)


def raises(request: HttpRequest) -> HttpResponse:
    raise ValueError("on purpose")


@condition(etag_func=lambda request: '"v1"')
def conditional(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fresh")


urlpatterns = [
    path("hello", hello),
    path("hello-async", hello_async),
    path("slow", slow),
    path("echo", echo),
    path("upload", upload),
    path("cookies", cookies),
    path("stream", stream),
    path("stream-sync", stream_sync),
    path("download", download),
    path("raises", raises),
    path("conditional", conditional),
    path("empty", lambda request: HttpResponse(status=204)),
    path("moved", lambda request: HttpResponseRedirect("/hello")),
]

application = get_asgi_application()
