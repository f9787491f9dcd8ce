"""Names that others match on, once: metrics, labels, headers, environment variables and paths.

Dashboards, alert rules and the tests import them from here. Standard library only.
"""

from typing import Final

# HTTP paths of the gateway
MODELS_PATH: Final = "/v1/models"
CHAT_COMPLETIONS_PATH: Final = "/v1/chat/completions"
HEALTH_PATH: Final = "/healthz"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"
STATUS_PATH: Final = "/statusz"

# Headers that the gateway adds to its answers
REQUEST_ID_HEADER: Final = "x-request-id"
BACKEND_HEADER: Final = "x-plinth-backend"
DECISION_HEADER: Final = "x-plinth-decision"

# Headers that clients may send
TIMEOUT_HEADER: Final = "x-request-timeout"
"""Longest time for the request, in seconds."""
DATA_CLASS_HEADER: Final = "x-plinth-data-class"
PRIORITY_HEADER: Final = "x-plinth-priority"

# Environment variables
BIND_HOST_VARIABLE: Final = "PLINTH_BIND_HOST"
ROOT_VARIABLE: Final = "PLINTH_ROOT"

# Keys
KEY_PREFIX: Final = "plinth_"

# Who owns the models that the gateway and the development model server list
GATEWAY_OWNER: Final = "plinth"
DEVELOPMENT_OWNER: Final = "plinth-development"

# Kubernetes: marks pods whose container runs `plinth-runtime`, which a laptop can run as a process
RUNTIME_LABEL: Final = "plinth.dev/runtime"

# Metrics of the gateway
REQUESTS_TOTAL: Final = "plinth_gateway_requests_total"
REQUEST_SECONDS: Final = "plinth_gateway_request_duration_seconds"
FIRST_BYTE_SECONDS: Final = "plinth_gateway_first_byte_seconds"
TOKENS_TOTAL: Final = "plinth_gateway_tokens_total"
WITHOUT_USAGE_TOTAL: Final = "plinth_gateway_answers_without_usage_total"
UPSTREAM_ERRORS_TOTAL: Final = "plinth_gateway_upstream_errors_total"
IN_FLIGHT: Final = "plinth_gateway_in_flight_requests"
BACKEND_UP: Final = "plinth_gateway_backend_up"
HELD_REQUESTS: Final = "plinth_gateway_held_requests"
HOLD_REFUSALS_TOTAL: Final = "plinth_gateway_hold_refusals_total"
BREAKER_OPEN: Final = "plinth_gateway_breaker_open"
SHED_TOTAL: Final = "plinth_gateway_shed_requests_total"
RETRIES_TOTAL: Final = "plinth_gateway_retries_total"
RESUMED_TOTAL: Final = "plinth_gateway_resumed_streams_total"
UPSTREAM_CONNECTIONS: Final = "plinth_gateway_upstream_connections"
CONFIG_RELOADS_TOTAL: Final = "plinth_gateway_config_reloads_total"
CONFIG_REFUSED: Final = "plinth_gateway_config_refused"
LOG_LINES_DROPPED_TOTAL: Final = "plinth_gateway_log_lines_dropped_total"
BUILD_INFO: Final = "plinth_runtime_build_info"

# Metrics of tables with a contract
TABLE_NEWEST_TIMESTAMP: Final = "plinth_table_newest_timestamp_seconds"
TABLE_ROWS_LAST_DAY: Final = "plinth_table_rows_last_day"
TABLE_QUARANTINED_ROWS: Final = "plinth_table_quarantined_rows"
TABLE_MEASURED_TIMESTAMP: Final = "plinth_table_measured_timestamp_seconds"

# Labels of these metrics
TABLE_LABEL: Final = "table"
TENANT_LABEL: Final = "tenant"
ROUTE_LABEL: Final = "route"
BACKEND_LABEL: Final = "backend"
STATUS_LABEL: Final = "status"
DIRECTION_LABEL: Final = "direction"
REASON_LABEL: Final = "reason"
ENVIRONMENT_LABEL: Final = "environment"
VERSION_LABEL: Final = "version"
MODEL_LABEL: Final = "model"
PRIORITY_LABEL: Final = "priority"
KIND_LABEL: Final = "kind"
RESULT_LABEL: Final = "result"

# Values of labels
NONE: Final = "none"
"""The label's value where there is no tenant, route or backend, for example before a key was accepted."""
TOKENS_IN: Final = "input"
TOKENS_OUT: Final = "output"

# Metrics of the development model server: vLLM's names, so that one dashboard shows both
VLLM_RUNNING: Final = "vllm:num_requests_running"
VLLM_WAITING: Final = "vllm:num_requests_waiting"
VLLM_PROMPT_TOKENS: Final = "vllm:prompt_tokens_total"
VLLM_GENERATION_TOKENS: Final = "vllm:generation_tokens_total"
VLLM_REQUEST_SUCCESS: Final = "vllm:request_success_total"
VLLM_MODEL_LABEL: Final = "model_name"
