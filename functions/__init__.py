"""The deployed Lambda functions, one package a verb: parse, one use case, map."""
