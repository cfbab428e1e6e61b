"""A table and its formats: Markdown, LaTeX, CSV, HTML, terminal."""
