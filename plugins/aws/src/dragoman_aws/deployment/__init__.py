"""Models of one's own on SageMaker: a declared document becomes an endpoint, and the endpoint an adapter.

``document`` holds what a person declares, ``resources`` what SageMaker is asked for in their place (pure), ``plan``
what has to be done about it, ``rollout`` and ``removal`` do it. ``quotas`` and ``gated`` look first whether it can be
done. No module imports botocore before the first call.
"""
