"""From bytes to values: streams with limits, encodings, packed files, JSON, XML, tables and workbooks."""
