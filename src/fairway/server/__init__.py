"""The interface server: an ASGI application that turns connections into messages and back."""

from .interface import InterfaceServer

__all__ = ["InterfaceServer"]
