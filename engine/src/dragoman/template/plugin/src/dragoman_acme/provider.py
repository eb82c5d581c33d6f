"""Opens sessions: the codec, and how its requests are signed."""

from __future__ import annotations

from dragoman.plugin import Context, HeaderKey, Provider, Session, Target

from dragoman_acme.codec import AcmeCodec


class AcmeProvider(Provider):
    """The provider ``acme``."""

    def open(self, target: Target, context: Context) -> Session:
        codec = AcmeCodec(target.connection.base_url, target.model)
        authorizer = HeaderKey(context, target.credentials["api_key"])
        return context.codec_session(codec, authorizer)
