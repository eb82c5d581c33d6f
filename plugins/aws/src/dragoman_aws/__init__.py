"""Dragoman's plugin for AWS: Bedrock, SageMaker endpoints, and secrets from Secrets Manager."""
