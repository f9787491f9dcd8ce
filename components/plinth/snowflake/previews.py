"""Features of the provider that are in preview and that a section needs: only those are turned on. Pure."""

from plinth.spec.snowflake import Snowflake


def previews(section: Snowflake) -> list[str]:
    """Names for the provider's `preview_features_enabled`, which its release 2.22 asks for."""
    wanted = {
        "snowflake_account_password_policy_attachment_resource": section.people is not None,
        "snowflake_alert_resource": bool(section.pipes),
        "snowflake_cortex_search_service_resource": bool(section.cortex and section.cortex.search),
        "snowflake_dynamic_table_resource": bool(section.dynamic_tables),
        "snowflake_notification_integration_resource": bool(section.pipes or section.tasks),
        "snowflake_pipe_resource": bool(section.pipes),
        "snowflake_semantic_view_resource": bool(section.cortex and section.cortex.semantic_views),
        "snowflake_table_resource": bool(section.tables),
    }
    return sorted(name for name, is_wanted in wanted.items() if is_wanted)
