"""What the report says in tables and matrices: one file per question."""
