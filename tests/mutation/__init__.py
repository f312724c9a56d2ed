"""Mutation testing of the checks, the levels and the ledger's decision: `make mutants`."""
