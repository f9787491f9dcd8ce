"""Which backend answers: what is known of a request, of the backends, and the decision that follows."""
