"""One module a step. Nodes are idempotent: an interrupted node runs again from its top."""
