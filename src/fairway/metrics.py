"""A layer's statistics for Prometheus (extra ``metrics``)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .layer import ChannelLayer


class LayerCollector(Collector):
    """The figures of ``layer.global_statistics()``, asked for at each scrape.

    They are those of the whole store, so register it in one process of a site::

        REGISTRY.register(LayerCollector(layer))

    ``name`` tells several layers apart: it is the label ``layer``. A scrape raises
    :class:`~fairway.errors.StoreUnavailable` while the store can't be reached.
    """

    def __init__(self, layer: ChannelLayer, name: str = "default"):
        self._layer = layer
        self._name = name

    def collect(self) -> Iterator[Metric]:
        """The metrics, as the registry asks for them; call it in a thread without a loop."""
        figures = self._layer.blocking.global_statistics()
        yield self._counter("messages", "Messages sent", figures["messages_count"])
        yield self._counter("channel_full", "Sends refused", figures["channel_full_count"])
        yield self._gauge("messages_pending", "Unread messages", figures["messages_pending"])
        yield self._gauge(
            "messages_max_age_seconds", "Age of the oldest unread", figures["messages_max_age"]
        )
        yield self._gauge("groups", "Groups with members", figures["groups"])
        yield self._gauge("channels", "Channels with unread messages", figures["channels"])
        drops = CounterMetricFamily(
            "fairway_drops", "Messages dropped, by cause", labels=["layer", "cause"]
        )
        for cause, number in figures["drops"].items():
            drops.add_metric([self._name, cause], number)
        yield drops

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering asks the store nothing."""
        return iter(())

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"fairway_{name}", text, labels=["layer"])
        family.add_metric([self._name], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"fairway_{name}", text, labels=["layer"])
        family.add_metric([self._name], value)
        return family
