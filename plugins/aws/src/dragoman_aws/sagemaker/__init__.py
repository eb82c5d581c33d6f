"""SageMaker endpoints: InvokeEndpoint and its stream, InvokeEndpointAsync, and the OpenAI route.

What a container takes and says is the adapter's ``mapping``; this package adds address, headers, the stream's envelope
and the errors around it.
"""
