"""The commands that this plugin brings: ``dragoman bedrock`` and ``dragoman policy``."""
