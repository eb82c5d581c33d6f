"""Dragoman's provider ``local``: a tiny n-gram text model, for trying settings and for tests, not for answers."""
