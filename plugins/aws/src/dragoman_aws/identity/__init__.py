"""Who calls: where AWS credentials come from, which roles they take on, and how they sign.

``connection`` holds the models of data. ``authorizer`` is what a provider opens its sessions with, ``clients`` gives
AWS's own clients of the same identity. ``sources``, ``clients`` and ``errors`` import botocore; the others do not.
"""
