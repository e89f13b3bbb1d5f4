"""Plain consumers: which function takes which message, and what it may do with it."""

from .message import Message
from .names import Channel, Group
from .routes import Include, Route, Router, include, route

__all__ = ["Channel", "Group", "Include", "Message", "Route", "Router", "include", "route"]
