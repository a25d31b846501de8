"""Values as people read them: words, tables, JSON, CSV, markdown."""
