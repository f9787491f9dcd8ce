"""Cortex inside SQL, for whole tables: run them with the client. The emulator has none of these functions."""

from typing import Final

COMPLETE: Final = "SELECT AI_COMPLETE(?, ?) AS ANSWER"
"""Model, prompt -> text."""

EMBED: Final = "SELECT AI_EMBED(?, ?) AS EMBEDDING"
"""Model, text -> vector."""

SEARCH: Final = "SELECT PARSE_JSON(SNOWFLAKE.CORTEX.SEARCH_PREVIEW(?, ?)):results AS RESULTS"
"""Qualified name of a service, query as JSON -> rows as JSON. Snowflake means it for tests; use `Cortex.search`."""

COUNT_TOKENS: Final = "SELECT AI_COUNT_TOKENS('ai_complete', ?, ?) AS TOKENS"
"""Model, prompt -> tokens, before they cost anything."""

ALL: Final = (COMPLETE, EMBED, SEARCH, COUNT_TOKENS)
"""Every form."""
