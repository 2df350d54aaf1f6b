"""Our own pages, beside the admin, for what people do between two incidents: one module a page."""
