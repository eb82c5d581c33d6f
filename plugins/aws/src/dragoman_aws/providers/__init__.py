"""The two providers, put together from everything below them: wires, identities, what the doctor asks."""
