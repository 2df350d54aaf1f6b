"""Syslog: sockets, framing, headers and payloads; what is read goes through the one door of intake."""
