"""Who may reach and do what, and what runs."""
