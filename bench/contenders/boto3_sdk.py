"""boto3, synchronous: it has no other way, and on the loop's own thread it costs least."""

from __future__ import annotations

from bedrock import clients, converse_arguments
from worker import Messages, serve


class Boto3:
    def __init__(self, base_url: str) -> None:
        self._client, _ = clients(base_url)

    async def call(self, messages: Messages) -> str:
        answer = self._client.converse(**converse_arguments(messages))
        text: str = answer["output"]["message"]["content"][0]["text"]
        return text

    async def stream(self, messages: Messages) -> str:
        events = self._client.converse_stream(**converse_arguments(messages))["stream"]
        return "".join(
            [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
        )

    async def aclose(self) -> None:
        self._client.close()


if __name__ == "__main__":
    serve(Boto3, ("boto3", "botocore"))
