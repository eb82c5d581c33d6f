"""Embeddings and rankings: InvokeModel by family or by mapping, and the Rerank operation of bedrock-agent-runtime."""
