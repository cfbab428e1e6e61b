"""Results folders side by side: what differs between them, and which differences in score are significant.

``rows`` opens folders and matches their rows, ``differences`` looks at everything but scores, ``scores`` scores the
translations again and tests them, ``output`` puts it all into tables and formats.  Only results folders are read, never
the store.
"""
