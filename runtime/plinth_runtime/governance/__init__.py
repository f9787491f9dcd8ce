"""What happens to data: contracts of tables, quarantine, lineage, retention, erasure and restore drills."""
