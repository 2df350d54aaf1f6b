"""The shell: one frame and one table of pages for the whole product."""
