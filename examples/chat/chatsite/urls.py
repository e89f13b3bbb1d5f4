from chat.views import enter, room
from django.urls import path

urlpatterns = [
    path("", enter, name="enter"),
    path("<slug:name>/", room, name="room"),
]
