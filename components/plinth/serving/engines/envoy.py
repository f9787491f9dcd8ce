"""The proxy in front of the router: Envoy, which asks the router where each request goes and takes it there. Pure.

Source: Envoy's API reference, v3 (static bootstrap, external processing, original destination clusters), and the
contract between proxies and endpoint pickers of the Gateway API Inference Extension.
"""

from typing import Any

DESTINATION_HEADER = "x-gateway-destination-endpoint"
"""Header in which the router names the server's address."""

PICKER_PORT = 9002
"""Port of the router's gRPC service, on the pod's own loopback."""

READY_PORT = 19001
"""Port that answers `READY_PATH`, and serves Envoy's metrics."""

READY_PATH = "/ready"

_ADMIN_PORT = 19000
_EXTENSIONS = "type.googleapis.com/envoy.extensions"


def bootstrap(port: int, longest_request_seconds: int) -> dict[str, Any]:
    """Envoy's configuration: one listener on `port`, and no way to a server that the router did not name."""
    return {
        "admin": {"address": _address("127.0.0.1", _ADMIN_PORT)},
        "static_resources": {
            "listeners": [
                _listener("ready", READY_PORT, _ready_manager()),
                _listener("models", port, _models_manager(longest_request_seconds)),
            ],
            "clusters": [
                _loopback_cluster("admin", _ADMIN_PORT),
                {
                    **_loopback_cluster("router", PICKER_PORT),
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                            "@type": f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                },
                {
                    "name": "servers",
                    "type": "ORIGINAL_DST",
                    "lb_policy": "CLUSTER_PROVIDED",
                    "connect_timeout": "5s",
                    "original_dst_lb_config": {"use_http_header": True, "http_header_name": DESTINATION_HEADER},
                    "circuit_breakers": {
                        "thresholds": [{"max_connections": 40000, "max_pending_requests": 40000, "max_requests": 40000}]
                    },
                },
            ],
        },
    }


def _models_manager(longest_request_seconds: int) -> dict[str, Any]:
    """Each request goes through the router, which sets the destination, and then there."""
    route = {"cluster": "servers", "timeout": f"{longest_request_seconds}s"}
    return {
        **_manager("models", {"match": {"prefix": "/"}, "route": route}),
        "stream_idle_timeout": f"{longest_request_seconds}s",
        "http_filters": [
            {
                # A client cannot choose a server, or an address that is none.
                "name": "envoy.filters.http.header_mutation",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}.filters.http.header_mutation.v3.HeaderMutation",
                    "mutations": {"request_mutations": [{"remove": DESTINATION_HEADER}]},
                },
            },
            {
                "name": "envoy.filters.http.ext_proc",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor",
                    "grpc_service": {"envoy_grpc": {"cluster_name": "router"}, "timeout": "10s"},
                    # Without the router's answer there is no destination.
                    "failure_mode_allow": False,
                    "processing_mode": {
                        "request_header_mode": "SEND",
                        "response_header_mode": "SEND",
                        "request_body_mode": "FULL_DUPLEX_STREAMED",
                        "response_body_mode": "FULL_DUPLEX_STREAMED",
                        "request_trailer_mode": "SEND",
                        "response_trailer_mode": "SEND",
                    },
                    "message_timeout": f"{longest_request_seconds}s",
                },
            },
            _router_filter(),
        ],
    }


def _ready_manager() -> dict[str, Any]:
    """Readiness, and Envoy's metrics without the rest of its administration."""
    route = {"match": {"path": "/stats/prometheus"}, "route": {"cluster": "admin"}}
    return {
        **_manager("ready", route),
        "http_filters": [
            {
                "name": "envoy.filters.http.health_check",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}.filters.http.health_check.v3.HealthCheck",
                    "pass_through_mode": False,
                    "headers": [{"name": ":path", "string_match": {"exact": READY_PATH}}],
                },
            },
            _router_filter(),
        ],
    }


def _manager(name: str, route: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "normalize_path": True,
        "merge_slashes": True,
        "route_config": {"name": name, "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
    }


def _router_filter() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }


def _listener(name: str, port: int, manager: dict[str, Any]) -> dict[str, Any]:
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": name,
        "address": _address("0.0.0.0", port),  # noqa: S104 - the pod's address; the pod's wall decides who gets in
        "filter_chains": [{"filters": [network_filter]}],
    }


def _loopback_cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
