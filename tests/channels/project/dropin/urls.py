from django.urls import path

from . import views

urlpatterns = [
    path("announce/<str:room>/<str:text>", views.announce),
    path("announce-async/<str:room>/<str:text>", views.announce_async),
]
