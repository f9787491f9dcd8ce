"""PostgreSQL: where it is, how to sign in with an IAM role, and the logins that tenants have."""
