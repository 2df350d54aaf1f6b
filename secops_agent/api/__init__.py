"""/api/v1/: the estate, imports and jobs for programs and people."""
