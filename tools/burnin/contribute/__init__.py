"""What a contributor needs to begin an exercise (`scaffold`) and to prove that it is sound (`check` and its gates)."""

from burnin.contribute.mutants import Edit, Mutant, load_mutants, mutated

__all__ = ["Edit", "Mutant", "load_mutants", "mutated"]
