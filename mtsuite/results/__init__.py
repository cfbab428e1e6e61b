"""The results folder: what lies in it, how it is read, and how it is written without touching what is the user's."""
