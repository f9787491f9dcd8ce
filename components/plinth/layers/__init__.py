"""The program: six layers, each a plain function from what it stands on to what it gives; a module for each.

They are the seams along which a company splits the stack once owners or cadence differ (`pulumi state move`).
A name of this package is the layer's function, not the module that it comes from: `layers.cluster(...)`.
"""

from plinth.layers.cluster import ClusterLayer, cluster
from plinth.layers.data import Data, data, grants
from plinth.layers.foundation import Foundation, Stores, foundation, stores
from plinth.layers.gateway import Access, gateway, remote_gpus
from plinth.layers.observability import observability, store_watch
from plinth.layers.serving import serving
from plinth.layers.tenants import batch, tenants
from plinth.layers.warehouse import warehouse

__all__ = [
    "Access",
    "ClusterLayer",
    "Data",
    "Foundation",
    "Stores",
    "batch",
    "cluster",
    "data",
    "foundation",
    "gateway",
    "grants",
    "observability",
    "remote_gpus",
    "serving",
    "store_watch",
    "stores",
    "tenants",
    "warehouse",
]
