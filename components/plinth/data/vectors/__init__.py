"""The engines that keep vectors beside PostgreSQL, and the Job that makes collections in them."""
