"""What interface servers and workers say to each other; `docs/messages.md` is its map."""

#: Unacknowledged messages that one side may have under way to the other, per connection and
#: direction. Far below a channel's usual capacity of 100, so that flow control never meets it.
WINDOW = 16

#: Bytes (or characters) of a body or frame in one message; longer ones travel in pieces.
CHUNK = 64 * 1024

#: Seconds a worker may take over an event before it says that the event is in its hands.
GRACE = 0.05

#: Seconds without a sign of life after which a process counts as dead.
LEASE = 15.0

HTTP_EVENTS = ("http.request", "http.disconnect")
WEBSOCKET_EVENTS = ("websocket.connect", "websocket.receive", "websocket.disconnect")

#: ASGI extensions of the interface server's host that reach the application.
EXTENSIONS = ("websocket.http.response", "tls")
