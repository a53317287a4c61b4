"""Serving request by request: arrivals and lengths through a continuous batch with chunked prefill."""
