"""The gateway: one OpenAI-compatible door to every adapter. It needs the extra ``dragoman[server]``."""
