"""Roles of a job's inputs that its plan and its work both name; without imports, for a plan needs no model library."""

PHASE = "phase:"  # prefix of the input roles that hold a method's earlier phases
CONTINUES = "continues"  # role of the same phase's earlier result, whose weights a training goes on from
