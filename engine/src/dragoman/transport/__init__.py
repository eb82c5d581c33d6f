"""The data plane's way to a provider: HTTP, framing, credentials, and the session that drives a codec over them.

Nothing here knows a provider. :mod:`~dragoman.transport.http` is the only module that imports the HTTP client, and
:mod:`~dragoman.transport.pool` imports it at the first call.
"""
