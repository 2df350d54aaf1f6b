"""The language of tables: a format as a TOML file. Read strictly, tried by its own examples, written, and proposed from a sample."""
