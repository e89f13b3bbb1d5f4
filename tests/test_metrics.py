"""What Prometheus reads of a layer."""

from prometheus_client import CollectorRegistry, generate_latest

from fairway.memory import InMemoryChannelLayer
from fairway.metrics import LayerCollector


def test_a_scrape_shows_the_layer_at_work() -> None:
    layer = InMemoryChannelLayer(capacity=1)
    registry = CollectorRegistry()
    registry.register(LayerCollector(layer, "chat"))
    layer.blocking.group_add("all", "work")
    for n in range(3):
        layer.blocking.group_send("all", {"n": n})
    text = generate_latest(registry).decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['fairway_messages_total{layer="chat"}'] == "1.0"
    assert lines['fairway_messages_pending{layer="chat"}'] == "1.0"
    assert lines['fairway_channel_full_total{layer="chat"}'] == "2.0"
    assert lines['fairway_groups{layer="chat"}'] == "1.0"
    assert lines['fairway_channels{layer="chat"}'] == "1.0"
    assert lines['fairway_drops_total{cause="over_capacity",layer="chat"}'] == "2.0"
    assert lines['fairway_drops_total{cause="expired",layer="chat"}'] == "0.0"


def test_registering_asks_the_store_nothing() -> None:
    class Unreachable(InMemoryChannelLayer):
        async def global_statistics(self):  # type: ignore[no-untyped-def]
            raise ConnectionError

    CollectorRegistry().register(LayerCollector(Unreachable()))
