"""Values in, values out: measures, decisions, proofs. No framework, no clock, no network."""
