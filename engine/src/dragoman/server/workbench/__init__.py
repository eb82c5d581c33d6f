"""What the page asks for beside the doors: the catalogue, drafts, mappings, imports, and what administrators see."""
