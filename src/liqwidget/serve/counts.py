"""What the server counts: visits, places, kernels and their memory, refused messages; no names and no addresses."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()
VISITS = Counter("liqwidget_visits", "Pages that were sent.", registry=REGISTRY)
TURNED_AWAY = Counter("liqwidget_turned_away", "Visitors who found all places taken.", registry=REGISTRY)
REFUSED = Counter("liqwidget_messages_refused", "Messages that no page sends.", registry=REGISTRY)
PLACES = Gauge("liqwidget_places", "Visitors at once, at most.", registry=REGISTRY)
VISITORS = Gauge("liqwidget_visitors", "Places that are taken.", registry=REGISTRY)
WAITING = Gauge("liqwidget_waiting", "Visitors whose kernel is being started.", registry=REGISTRY)
KERNELS = Gauge("liqwidget_kernels", "Kernels that run, preheated ones included.", registry=REGISTRY)
MEMORY = Gauge("liqwidget_kernels_memory_bytes", "Memory of all kernels, proportional set size.", registry=REGISTRY)
LARGEST = Gauge("liqwidget_largest_kernel_memory_bytes", "Memory of the largest kernel.", registry=REGISTRY)
