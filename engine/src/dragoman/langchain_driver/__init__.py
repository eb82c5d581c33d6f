"""The LangChain driver: any LangChain chat model as a session (``runtime: langchain``).

The provider's plugin builds the model; this package speaks to it. It calls what LangChain asks the author of a model
to write (``_generate``, ``_agenerate``, ``_stream``, ``_astream``), not the methods around them. So no callback, no
tracer, no process-wide cache and no environment variable comes between a call and its model, and the loop's default
executor, which the methods around them fall back to, is never used.

It promises less than a codec; :data:`LESS_IS_PROMISED` says what.
"""

from dragoman.events import Report

#: What an adapter with this runtime gives up. It belongs to the adapter, so it is shown with it and not with each call.
LESS_IS_PROMISED = Report(
    "langchain_runtime",
    "runtime: langchain promises less: no dry run; cancelling frees the caller, but a blocking client's thread runs on"
    " until its answer comes; blocking clients share a bounded number of threads",
    "runtime",
)
