"""Ordinary pages: a form with a CSRF token, and a name that the session keeps."""

from django.shortcuts import redirect, render


def enter(request):
    """Ask for a name and a room."""
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
        return redirect("room", name=request.POST["room"])
    return render(request, "chat/enter.html")


def room(request, name):
    """A room, for whoever has a name."""
    if "name" not in request.session:
        return redirect("enter")
    return render(request, "chat/room.html", {"room": name, "name": request.session["name"]})
