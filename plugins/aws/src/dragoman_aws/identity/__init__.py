"""Who calls: where AWS credentials come from, which roles they take on, and how they sign.

``connection`` holds the models of data and imports no SDK; ``authorizer`` is what a provider opens its sessions with;
``session`` gives boto3 clients of the same identity, for the control plane.
"""
