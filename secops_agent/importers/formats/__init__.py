"""A module per format, each with an `IMPORTER`; `registry` lists them."""
