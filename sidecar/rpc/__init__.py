"""JSON-RPC 2.0 over lines of bytes: envelopes, framing, dispatcher, stdio. Knows no method of ours."""
