"""The data plane's way to a provider: HTTP, framing, credentials, and the session that drives a codec over them.

Nothing here knows a provider. :mod:`~dragoman.transport.http` is imported by :mod:`~dragoman.transport.pool`, at the
first call.

The HTTP client is our own, over httptools (llhttp) and aiohappyeyeballs, since it is the largest part of a call: a
request through the gateway takes 2.0 times the CPU of a bare forwarder with it, and took 2.7 times with aiohttp's,
and 10 MiB more (aiohttp 3.14, Python 3.11, 2026-11). It does what calls to models need and no more: no cookies,
redirects, proxies or HTTP/2.
"""
