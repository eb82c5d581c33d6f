"""What the page asks for beside the rest of the control API: catalogue, drafts, mappings, imports, notices."""

from dragoman.server.control.workbench import catalogue, drafts, identity, imports, mappings, notices

ROUTES = (
    *catalogue.ROUTES, *drafts.ROUTES, *identity.ROUTES, *imports.ROUTES, *mappings.ROUTES, *notices.ROUTES,
)  # fmt: skip
